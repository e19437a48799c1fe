"""Folders that images are mounted on: who serves which, and how it ended."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from imgtools import errors
from imgtools.engine.fuse import show_folder, unmount_folder
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.own_files import write_own
from imgtools.engine.process import run_in_folder
from imgtools.errors import HostError, ImgtoolsError

__all__ = [
    "MountRecord",
    "failed",
    "read_record",
    "readiness",
    "record_path",
    "run_in_folder",
    "scratch_folder",
    "show_folder",
    "unmount",
    "unmount_folder",
    "write_record",
]

POLL = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class MountRecord:
    """One mounted folder. ``ended`` is True once its server has done everything, also the commit."""

    folder: str
    image: str
    pid: int
    write: bool
    ended: bool = False
    change_count: int = 0
    error_class: str = ""
    message: str = ""
    hint: str = ""

    def failure(self) -> ImgtoolsError | None:
        """The error that the server ended with."""
        if not self.error_class:
            return None
        kind: type[ImgtoolsError] = getattr(errors, self.error_class, ImgtoolsError)
        return kind(self.message, hint=self.hint)


def failed(record: MountRecord, error: ImgtoolsError) -> MountRecord:
    """The record of a server that ended with an error."""
    return replace(
        record, ended=True, error_class=type(error).__name__, message=error.message, hint=error.hint
    )


def record_path(folder: str) -> Path:
    """Where the record of a folder is kept: private to the user, away from the folder itself.

    :param folder: its real path. It is not looked at: the server would ask itself, and wait for ever.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imgtools" / "mounts"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return base / f"{name}.json"


def write_record(record: MountRecord) -> None:
    """Write a record, all or nothing."""
    write_own(record_path(record.folder), json.dumps(asdict(record)).encode())


def read_record(folder: Path) -> MountRecord:
    """Return the record of a folder.

    :raises HostError: no image is mounted there by imgtools.
    """
    try:
        return MountRecord(**json.loads(record_path(os.path.realpath(folder)).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise HostError(
            f"no image is mounted on {folder} by imgtools", hint="see: findmnt -t fuse.imgtools"
        ) from None


def unmount(folder: Path) -> MountRecord:
    """Unmount a folder and wait until its server has finished: until the changes are committed, or refused.

    :raises HostError: nothing of ours is mounted there, it is in use, or its server was killed.
    :raises ImgtoolsError: the error that the commit ended with; the image is as it was.
    """
    record = read_record(folder)
    if not record.ended and _lives(record.pid):
        unmount_folder(folder)
    while not record.ended and _lives(record.pid):
        time.sleep(POLL)
        record = read_record(folder)
    record = read_record(folder)
    record_path(record.folder).unlink(missing_ok=True)
    if not record.ended:
        raise HostError(
            f"the server of {folder} was killed; nothing was written to {record.image}",
            hint=f"fusermount3 -u {folder} frees the folder",
        )
    if failure := record.failure():
        raise failure
    return record


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def readiness() -> Iterator[tuple[int, int]]:
    """Yield a pipe by which a server tells its parent that it is ready, or why not: (reading, writing)."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for descriptor in (reading, writing):
            try:
                os.close(descriptor)
            except OSError:  # closed by one side already
                pass
