"""Files that a command cannot read: each is told of, and does not end the others."""

from __future__ import annotations

from imgtools.errors import ImgtoolsError
from imgtools.records.files import FileKind
from imgtools.records.found import FoundFile
from imgtools.records.system import Warned

MOST = 1000  # warnings that are kept: on a disk that fails, every file would earn one


class RefusedFiles:
    """What could not be read, as warnings. Called with a path and an error, as a walk calls it."""

    def __init__(self) -> None:
        self._warnings: list[Warned] = []
        self._count = 0

    def __call__(self, path: str, error: ImgtoolsError | str) -> None:
        """Note that the file at ``path``, or a part of it, cannot be read."""
        self._count += 1
        if self._count <= MOST:
            words = error if isinstance(error, str) else error.message
            self._warnings.append(Warned(f"cannot be read: {words}", path))

    def note_inode(self, found: FoundFile) -> None:
        """Note a file of which no more than its name can be read, if this is one."""
        if found.stat.kind is FileKind.UNKNOWN:
            self(found.path, "its inode is damaged")

    def __bool__(self) -> bool:
        """Whether there was any."""
        return bool(self._count)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """The warnings, in the order in which the files were met."""
        if self._count <= MOST:
            return tuple(self._warnings)
        return (*self._warnings, Warned(f"{self._count - MOST} more files cannot be read"))
