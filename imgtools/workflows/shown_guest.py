"""Show a guest's files in a private folder, for a program of the host, as long as that takes and no longer."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from imgtools.change.mounted_folder.inside import InsideDraft
from imgtools.errors import ImgtoolsError, NoGuest
from imgtools.guest.find.tree import FileView, view_files
from imgtools.guest.packages.applications import copy_rpm_database
from imgtools.image.handle import Image, open_request
from imgtools.image.mounted import readiness, scratch_folder, show_folder, unmount_folder
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsInfo, OsType, Warned
from imgtools.workflows.mount import error_of, usage_of

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class ShownGuest:
    """A guest whose files are shown, read-only, in ``folder``; ``scratch`` is private and goes with it.

    ``rpm_database`` is the name of a copy in ``rpm``, a folder beside: librpm works only on one that it may write to.
    """

    folder: Path
    scratch: Path
    image: str
    engine: Engine
    root: str
    os: OsInfo
    warnings: tuple[Warned, ...]
    rpm: Path
    rpm_database: str


@contextmanager
def shown_guest(request: ImageRequest) -> Iterator[ShownGuest]:
    """Show a guest's files for as long as the block lasts. Every link leads where it leads in the guest.

    A process of its own serves the folder. It ends with the block, and when we are killed.

    :raises NoGuest: there is none. ManyGuests, KeyNeeded: as :func:`imgtools.guest.guest.the_guest`.
    """
    with scratch_folder() as scratch:
        folder, rpm = scratch / "guest", scratch / "rpm"
        folder.mkdir()
        rpm.mkdir()
        with readiness() as (reading, writing):
            parent = os.getpid()
            server = os.fork()
            if server == 0:
                os.close(reading)
                _be_server(request, folder, rpm, writing, parent)
            os.close(writing)
            try:
                yield _ready(reading, folder, rpm, scratch)
            finally:
                _end(server, folder)


def _ready(reading: int, folder: Path, rpm: Path, scratch: Path) -> ShownGuest:
    """Wait until the folder can be used."""
    with os.fdopen(os.dup(reading), "rb") as pipe:
        said = pipe.read()
    try:
        facts: dict[str, Any] = json.loads(said)
    except ValueError:
        facts = {}
    if "os" not in facts:
        raise error_of(facts)
    system = facts["os"]
    known = OsInfo(**{**system, "type": OsType(system["type"]), "families": tuple(system["families"])})
    warnings = tuple(Warned(*one) for one in facts["warnings"])
    return ShownGuest(
        folder=folder,
        scratch=scratch,
        image=facts["image"],
        engine=Engine(facts["engine"]),
        root=facts["root"],
        os=known,
        warnings=warnings,
        rpm=rpm,
        rpm_database=facts["rpm_database"],
    )


def _end(server: int, folder: Path) -> None:
    """Unmount the folder and wait for its server."""
    try:
        unmount_folder(folder)
    except (ImgtoolsError, OSError):  # in use, or it is not served yet: the server takes it down for all
        with suppress(ProcessLookupError):
            os.kill(server, signal.SIGTERM)
    os.waitpid(server, 0)


def _be_server(request: ImageRequest, folder: Path, rpm: Path, writing: int, parent: int) -> NoReturn:
    """Serve until the folder is unmounted, then end the process: it is a copy of somebody else's stack."""
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # which has gone before it could be waited for
            os._exit(1)
        _serve(request, folder, rpm, writing)
    except ImgtoolsError as error:
        facts = {"class": type(error).__name__, "message": error.message, "hint": error.hint}
        with suppress(OSError):
            os.write(writing, json.dumps(facts).encode())
    finally:
        os._exit(0)


def _serve(request: ImageRequest, folder: Path, rpm: Path, writing: int) -> None:
    with (
        # The sweep of engine/held_folder.py takes away what begins with "imgtools-kept-".
        tempfile.TemporaryDirectory(prefix="imgtools-kept-mount-") as contents,
        open_request(request) as image,
    ):
        view = view_files(image, request)
        is_rpm = view.guest is not None and view.guest.os.package_format == "rpm"
        database = copy_rpm_database(view.files, rpm) if is_rpm else ""
        draft = InsideDraft(view.files, Path(contents), {one.path: one.volume.content for one in view.mounts})
        show_folder(
            draft,
            folder,
            contents=Path(contents),
            usage=usage_of(image, view),
            ready=lambda: _tell(image, view, database, writing),
            read_only=True,
        )


def _tell(image: Image, view: FileView, database: str, writing: int) -> None:
    """Say that the folder can be used, and what is in it."""
    guest = view.guest
    facts: dict[str, object]
    if guest is None:
        facts = {"class": NoGuest.__name__, "message": "there is no operating system in it", "hint": ""}
    else:
        facts = {
            "image": image.infos[0].source.name,
            "engine": image.served_by,
            "root": guest.root.device,
            "os": asdict(guest.os),
            "warnings": _warnings(view.warnings),
            "rpm_database": database,
        }
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(facts).encode())


def _warnings(warnings: Sequence[Warned]) -> list[tuple[str, str]]:
    return [(one.text, one.path) for one in warnings]
