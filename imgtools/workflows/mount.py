"""Show the files of a guest as a folder of the host."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgtools import errors
from imgtools.change.change import Change
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.mounted_folder.draft import Draft
from imgtools.errors import EngineFailed, HostError, ImgtoolsError, UsageError
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.plan import make_plan
from imgtools.image.edit import ImageEdit
from imgtools.image.handle import Image
from imgtools.image.mounted import MountRecord, failed, readiness, show_folder, unmount, write_record
from imgtools.records.disks import Declined
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.records.usage import Usage
from imgtools.workflows.writing import open_for


@dataclass(frozen=True, slots=True)
class MountReport:
    """A mounted folder and the process that serves it."""

    image: str
    folder: str
    pid: int
    write: bool
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class UnmountReport:
    """What unmounting brought: whether changes were committed, and how many."""

    image: str
    folder: str
    committed: bool
    change_count: int
    warnings: tuple[Warned, ...] = ()


def mount_image(
    request: ImageRequest,
    target: Target,
    folder: Path,
    *,
    foreground: bool = False,
    allow_other: bool = False,
) -> MountReport:
    """Show the guest's files in the empty host folder ``folder``, until it is unmounted.

    With ``target`` for writing, what is changed in the folder is one transaction, committed by the unmount; until
    then the image is not touched.

    :param foreground: serve in this process; else a process of its own does, and we return when it is ready.
    :raises HostError: the folder is not there, or not empty.
    """
    if not _can_be_mounted_on(folder):
        raise HostError(f"not an empty folder: {folder}", hint="make one: mkdir")
    if target.output is not None:
        raise UsageError(
            "mount writes in place or not at all", hint="copy the image first, or use imgtools apply"
        )
    record = MountRecord(os.path.realpath(folder), request.name, os.getpid(), target.write)
    if foreground:
        warnings: list[Warned] = []
        _serve(request, target, record, allow_other=allow_other, ready=warnings.extend)
        return _report(record, warnings)
    return _in_background(request, target, record, allow_other=allow_other)


def _can_be_mounted_on(folder: Path) -> bool:
    """Whether it is an empty folder, or one with a mount that nobody serves any more: ours are taken down first."""
    try:
        return folder.is_dir() and not any(folder.iterdir())
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            return True
        raise HostError(f"cannot look into {folder}: {error.strerror}") from None


def unmount_image(folder: Path) -> UnmountReport:
    """Unmount a folder, and return when the image is really finished.

    :raises HostError: nothing of ours is mounted there.
    :raises ImgtoolsError: the changes could not be committed; the image is as it was.
    """
    record = unmount(folder)
    return UnmountReport(record.image, record.folder, record.change_count > 0, record.change_count)


def _report(record: MountRecord, warnings: Sequence[Warned]) -> MountReport:
    return MountReport(record.image, record.folder, record.pid, record.write, tuple(warnings))


def _in_background(
    request: ImageRequest, target: Target, record: MountRecord, *, allow_other: bool
) -> MountReport:
    """Start a server process, and wait until it is ready.

    It is a grandchild: a program that goes on meanwhile has no child of ours to wait for.

    :raises ImgtoolsError: whatever the server could not do.
    """
    with readiness() as (reading, writing):
        child = os.fork()
        if child == 0:
            os.close(reading)
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            server = replace(record, pid=os.getpid())
            _be_server(request, target, server, writing, allow_other=allow_other)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(os.dup(reading), "rb") as pipe:
            said = pipe.read()
    try:
        facts = json.loads(said)
        if "pid" in facts:
            warnings = [Warned(*one) for one in facts["warnings"]]
            return _report(replace(record, pid=facts["pid"]), warnings)
    except ValueError:
        facts = {}
    raise error_of(facts)


def _be_server(
    request: ImageRequest, target: Target, record: MountRecord, writing: int, *, allow_other: bool
) -> None:
    """Serve until the folder is unmounted, then end the process."""
    code, is_ready = 0, False

    def ready(warnings: Sequence[Warned]) -> None:
        nonlocal is_ready
        is_ready = True
        write_record(record)
        told = [(one.text, one.path) for one in warnings]
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps({"pid": record.pid, "warnings": told}).encode())
        # From here on nobody listens: the terminal is the user's again.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)

    try:
        _serve(request, target, record, allow_other=allow_other, ready=ready)
    except ImgtoolsError as error:
        code = error.exit_code
        if is_ready:  # the record tells the unmount
            write_record(failed(record, error))
        else:
            facts = {"class": type(error).__name__, "message": error.message, "hint": error.hint}
            os.write(writing, json.dumps(facts).encode())
    finally:
        os._exit(code)


def error_of(facts: Mapping[str, str]) -> ImgtoolsError:
    """Return the error that a server told, by its class, message and hint."""
    try:
        kind: type[ImgtoolsError] = getattr(errors, facts["class"], ImgtoolsError)
        return kind(facts["message"], hint=facts["hint"])
    except KeyError:
        return EngineFailed("the process that serves the folder ended", hint="try --foreground -v")


def _serve(
    request: ImageRequest,
    target: Target,
    record: MountRecord,
    *,
    allow_other: bool,
    ready: Callable[[Sequence[Warned]], None],
) -> None:
    """Open the image, show it, and when it is unmounted commit what was changed."""
    with (
        # The sweep of engine/held_folder.py takes away what begins with "imgtools-kept-".
        tempfile.TemporaryDirectory(prefix="imgtools-kept-mount-") as contents,
        open_for(request, target) as image,
    ):
        view = view_files(image, request, change=target.write)
        kinds = {mount.path: mount.volume.content for mount in view.mounts}
        draft = Draft(view.files, Path(contents), kinds)
        usage = usage_of(image, view)
        place = Path(record.folder)
        show_folder(
            draft,
            place,
            contents=Path(contents),
            usage=usage,
            ready=lambda: ready(view.warnings),
            read_only=not target.write,
            allow_other=allow_other,
        )
        count = commit_draft(image, draft, view) if isinstance(image, ImageEdit) else 0
    write_record(replace(record, ended=True, change_count=count))


def commit_draft(image: ImageEdit, draft: Draft, view: FileView) -> int:
    """Make what was changed in a folder, all or nothing, and return how many changes that is."""
    changes = _changes(draft, view)
    if changes:
        # Who has worked in the folder for an hour cannot be told now that it does not count: nothing is refused.
        image.apply(make_plan(image, changes, view.mounts, check=False))
        image.commit()
    return len(changes)


def _changes(draft: Draft, view: FileView) -> list[Change]:
    """What was changed, as the volumes hold it; the draft has refused what they do not."""
    return [one for one in fitted(draft.changes(), view.mounts) if not isinstance(one, Warned)]


def usage_of(image: Image, view: FileView) -> Usage:
    """Return how full the first of the shown volumes is; nothing where nobody can tell."""
    found = image.try_usage(view.mounts[0].volume)
    return Usage(0, 0, 0, 0, 0) if isinstance(found, Declined) else found
