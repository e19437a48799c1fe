"""Run a program of the host in the folder of a guest's files, and keep what it changed if it ended well."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from imgtools.change.mounted_folder.inside import InsideDraft
from imgtools.errors import EngineFailed, HostError, ImgtoolsError
from imgtools.guest.find.tree import view_files
from imgtools.image.edit import ImageEdit
from imgtools.image.mounted import readiness, run_in_folder, scratch_folder, show_folder, unmount_folder
from imgtools.records.request import ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.mount import commit_draft, error_of, usage_of
from imgtools.workflows.writing import open_for

ROOT = "IMGTOOLS_ROOT"  # what the program finds the folder by
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class WithReport:
    """How a program ended in a guest's folder, and what became of what it changed.

    ``code`` is its exit code, 128 and the signal's number if one ended it. ``change_count`` are changes that were made:
    0 unless it ended with 0 in a folder that could be written to. ``output`` is the new image, if one was made.
    """

    image: str
    code: int
    committed: bool
    change_count: int = 0
    output: str = ""
    warnings: tuple[Warned, ...] = ()


def run_with(
    request: ImageRequest,
    target: Target,
    command: Sequence[str],
    *,
    out_to_stderr: bool = False,
    keep: bool = True,
    warn: Callable[[Warned], None] = lambda _: None,
) -> WithReport:
    """Show the guest's files in a private folder, run a program there, and take the folder away.

    Read-only, unless ``target`` says where changes go: then they are one transaction, which is committed if the
    program ends with 0, and thrown away if it ends otherwise, if we are ended, or if the folder is still in use behind
    it. Every link in the folder leads where it leads in the guest, and never to a file of the host.

    :param command: a program and its arguments, without a shell; a path of it counts from our own folder.
    :param out_to_stderr: what it prints goes there, because something else goes to standard output.
    :param keep: otherwise what it changes is thrown away however it ends.
    :param warn: takes what there is to know of the image, before the program begins.
    :raises HostError: there is no such program; or the folder is in use, and nothing was written.
    """
    program = _find(command[0])
    with _served(request, target) as served:
        for warning in served.warnings:
            warn(warning)
        code = run_in_folder(
            [program, *command[1:]],
            served.folder,
            {ROOT: os.fspath(served.folder)},
            to_stderr=out_to_stderr,
        )
        if (code or not keep) and not target.is_dry_run:
            served.discard()
            return WithReport(request.name, code, committed=False, warnings=served.warnings)
        changes = served.finish()
    output = os.fspath(target.output.host_path) if target.output is not None else ""
    committed = not target.is_dry_run
    return WithReport(request.name, code, committed, changes, output, served.warnings)


def _find(name: str) -> str:
    """Return the whole path of a program: what is looked for in the guest's folder would be the guest's."""
    found = shutil.which(name)
    if found is None:
        raise HostError(f"no such program: {name}", hint="imgtools with IMAGE -- PROGRAM ARGUMENT...")
    return os.fspath(Path.cwd() / found)  # its links are not followed: busybox goes by its name


class _Served:
    """A folder, and the process that serves it."""

    def __init__(self, folder: Path, server: int, answers: BinaryIO) -> None:
        self.folder, self._server, self._answers = folder, server, answers
        self.warnings = tuple(Warned(*one) for one in self._answer("warnings")["warnings"])

    def _answer(self, field: str) -> dict[str, Any]:
        """Return what the server says next.

        :raises ImgtoolsError: what it could not do.
        """
        try:
            facts: dict[str, Any] = json.loads(self._answers.readline())
        except ValueError:
            facts = {}
        if field not in facts:
            self._wait()
            raise (
                error_of(facts)
                if facts
                else EngineFailed(
                    "the process that serves the folder ended; nothing was written", hint="-v shows more"
                )
            )
        return facts

    def finish(self) -> int:
        """Unmount the folder; return how many changes were made, when they are."""
        unmount_folder(self.folder)
        changes = int(self._answer("changes")["changes"])
        self._wait()
        return changes

    def discard(self) -> None:
        """End the server, and with it what was changed."""
        if self._server:
            with suppress(ProcessLookupError):
                os.kill(self._server, signal.SIGTERM)
            self._wait()

    def _wait(self) -> None:
        if self._server:
            os.waitpid(self._server, 0)
            self._server = 0


@contextmanager
def _served(request: ImageRequest, target: Target) -> Iterator[_Served]:
    """Show a guest's files in a private folder; whatever ends the block early throws away what was changed."""
    with scratch_folder() as scratch, readiness() as (reading, writing):
        folder = scratch / "guest"
        folder.mkdir()
        parent = os.getpid()
        server = os.fork()
        if server == 0:
            os.close(reading)
            _be_server(request, target, folder, writing, parent)
        os.close(writing)
        with os.fdopen(os.dup(reading), "rb") as answers:
            served = _Served(folder, server, answers)
            try:
                yield served
            finally:
                served.discard()


def _be_server(request: ImageRequest, target: Target, folder: Path, writing: int, parent: int) -> NoReturn:
    """Serve until the folder is unmounted, then end the process: it is a copy of somebody else's stack."""

    def say(facts: dict[str, object]) -> None:
        with suppress(OSError):
            os.write(writing, json.dumps(facts).encode() + b"\n")

    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # which has gone before it could be waited for
            os._exit(1)
        say({"changes": _serve(request, target, folder, say)})
    except ImgtoolsError as error:
        say({"class": type(error).__name__, "message": error.message, "hint": error.hint})
    finally:
        os._exit(0)


def _serve(
    request: ImageRequest, target: Target, folder: Path, say: Callable[[dict[str, object]], None]
) -> int:
    """Show the files until the folder is unmounted; then commit what was changed, and return how much that is."""
    with (
        # The sweep of engine/held_folder.py takes away what begins with "imgtools-kept-".
        tempfile.TemporaryDirectory(prefix="imgtools-kept-mount-") as contents,
        open_for(request, target) as image,
    ):
        view = view_files(image, request, change=not target.is_dry_run)
        kinds = {mount.path: mount.volume.content for mount in view.mounts}
        draft = InsideDraft(view.files, Path(contents), kinds)
        warnings = [(one.text, one.path) for one in view.warnings]
        show_folder(
            draft,
            folder,
            contents=Path(contents),
            usage=usage_of(image, view),
            ready=lambda: say({"warnings": warnings}),
            read_only=target.is_dry_run,
        )
        return commit_draft(image, draft, view) if isinstance(image, ImageEdit) else 0
