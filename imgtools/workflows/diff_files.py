"""How the files of two trees differ, one after the other: what is the same is not held, and little of it read."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from imgtools.change.compose import is_private
from imgtools.change.describe import unified_diff
from imgtools.errors import ImgtoolsError, NoSuchGuestFile, UsageError
from imgtools.files.pairs import PairedFile, paired
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import DAMAGE, GuestReader, LeaveOut
from imgtools.records.comparison import Changed, ContentCheck, FileDifference, FileFacts
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile
from imgtools.workflows.diff_sides import Side
from imgtools.workflows.ls import CHECKSUMS, digest

PIECE = 1 << 20  # bytes of two files that are compared at once
DIFF_LIMIT = 256 << 10  # bytes of a file of which the difference is shown
DIFF_LINES = 3000  # of the longer side; telling which lines moved takes the square of it
OTHERS_READ = 0o004
WITH_CONTENT = (FileKind.FILE, FileKind.LINK)
DEVICES = (FileKind.CHARACTER, FileKind.BLOCK)
# Whether the content of two open files is known to be the same without reading it.
SameBlocks = Callable[[BinaryIO, BinaryIO], bool]


@dataclass(frozen=True, slots=True)
class FileWish:
    """What of files is compared. ``paths``: these, with all below them; ``exclude``: shell patterns of what is not.

    A pattern with a ``/`` is about whole paths, one without about names; what is below a match is left out too.
    """

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compare: ContentCheck = ContentCheck.CHANGED
    checksum: str = ""  # of what differs: md5, sha1, sha256 ...
    times: bool = False  # a time of change that differs counts
    content: bool = False  # how text files differ


def check_wish(wish: FileWish) -> None:
    """See that a wish can be fulfilled.

    :raises UsageError: there is no such checksum, or a path is no path of a guest.
    """
    if wish.checksum and wish.checksum not in CHECKSUMS:
        raise UsageError(f"no such checksum: {wish.checksum}", hint=f"one of {', '.join(CHECKSUMS)}")
    if any(not pattern for pattern in wish.exclude):
        raise UsageError("an empty pattern excludes nothing", hint="write --exclude '*.pyc' or '/var/log/*'")
    if wish.content and wish.compare is ContentCheck.TIMES:
        raise UsageError("--content reads files, --compare times reads none", hint="choose one")


def is_untouched(old: FileStat | None, new: FileStat | None, *, related: bool) -> bool:
    """Whether two files are one that nobody has changed: the same inode, last changed at the same moment.

    Of disks that are not known to be ``related``, a moment in whole seconds says nothing: who makes images that can be
    made again gives all files one time, and numbers in the same order.
    """
    if old is None or new is None or old != new or not old.ctime:
        return False
    return related or old.ctime % 1_000_000_000 != 0


class TreeComparison:
    """Compares the files of two sides; ``refused`` has what could not be read, which is not told to be the same.

    :param same_blocks: knows of content that lies in blocks that both sides have in common.
    :param same_below: mount points below which everything is known to be the same.
    :param related: one was the other once, or both a third: see :func:`is_untouched`.
    """

    def __init__(
        self,
        old: Side,
        new: Side,
        wish: FileWish,
        same_blocks: SameBlocks | None = None,
        same_below: frozenset[str] = frozenset(),
        *,
        related: bool = False,
    ) -> None:
        self._sides = (old, new)
        self._wish = wish
        self._same_blocks = same_blocks
        self._same_below = same_below
        self._related = related
        self._is_left_out = _left_out(wish.exclude)
        self._closed: list[str] = []  # directories that one side could not read
        self.refused = RefusedFiles()

    def differences(self, paths: tuple[str, ...] = ()) -> Iterator[FileDifference]:
        """Yield the files that differ, in the order of a walk.

        :param paths: where to look, in place of what was wished for.
        :raises NoSuchGuestFile: neither side has one of the paths.
        """
        for top in _tops(paths or self._wish.paths or ("/",)):
            names = [side.path(top) for side in self._sides]
            for pair in paired(*(self._walk(side.files, name) for side, name in self._found(names))):
                if (found := self._compare(pair)) is not None:
                    yield found

    def _found(self, names: list[str]) -> Iterator[tuple[Side, str]]:
        there = [side.files.exists(name) for side, name in zip(self._sides, names, strict=True)]
        if not any(there):
            raise NoSuchGuestFile(f"no such file in either guest: {names[0]}", path=names[0])
        for side, name, is_there in zip(self._sides, names, there, strict=True):
            yield side, name if is_there else ""

    def _walk(self, files: GuestReader, top: str) -> Iterator[FoundFile]:
        """Walk one side; what a link on the way to ``top`` leads to is called as it was asked for."""
        if not top:
            return
        true = files.resolve(top)
        for found in files.walk(true, self._refuse, self._leave_out(true, top)):
            yield found if true == top else FoundFile(_moved(found.path, true, top), found.stat)

    def _leave_out(self, true: str, top: str) -> LeaveOut | None:
        if not self._same_below and self._is_left_out is None:
            return None

        def is_out(path: str) -> bool:
            if path in self._same_below:
                return True
            return self._is_left_out is not None and self._is_left_out(_moved(path, true, top))

        return is_out

    def _refuse(self, path: str, error: ImgtoolsError) -> None:
        self.refused(path, error)
        self._closed.append(path.rstrip("/") + "/")

    # -- one pair ------------------------------------------------------------------------------------------

    def _compare(self, pair: PairedFile) -> FileDifference | None:
        old, new, path = pair.old, pair.new, pair.path
        if any(one is not None and one.kind is FileKind.UNKNOWN for one in (old, new)):
            self.refused(path, "its inode is damaged: not compared")
            return None
        if (old is None or new is None) and any(path.startswith(above) for above in self._closed):
            return None  # nobody can tell whether the other side has it: that is said of the directory
        try:
            return self._difference(path, old, new)
        except DAMAGE as error:
            self.refused(path, error)
            return None

    def _difference(self, path: str, old: FileStat | None, new: FileStat | None) -> FileDifference | None:
        if old is None or new is None:
            became = Changed.ADDED if old is None else Changed.REMOVED
            return self._told(path, became, (), (), old, new)
        if self._wish.compare is not ContentCheck.ALL and is_untouched(old, new, related=self._related):
            return None
        details = list(self._details(path, old, new))
        xattrs = self._xattrs(path, old, new)
        details += ["xattrs"] if xattrs else []
        if self._wish.times and old.mtime != new.mtime:
            details.append("times")
        return self._told(path, Changed.CHANGED, tuple(details), xattrs, old, new) if details else None

    def _details(self, path: str, old: FileStat, new: FileStat) -> Iterator[str]:
        if old.kind is not new.kind:
            yield "kind"
        elif old.kind is FileKind.LINK and self._target(0, path) != self._target(1, path):
            yield "target"
        elif old.kind is FileKind.FILE and not self._is_same_content(path, old, new):
            yield "content"
        elif old.kind in DEVICES and old.device != new.device:
            yield "device"
        if old.mode != new.mode and not (old.kind is new.kind is FileKind.LINK):
            yield "mode"
        if (old.uid, old.gid) != (new.uid, new.gid):
            yield "owner"

    def _target(self, side: int, path: str) -> str:
        return self._sides[side].files.read_link(path)

    def _is_same_content(self, path: str, old: FileStat, new: FileStat) -> bool:
        if old.size != new.size:
            return False
        if self._wish.compare is ContentCheck.TIMES:
            return old.mtime == new.mtime
        if not old.size:
            return True
        with self._sides[0].files.open(path) as one, self._sides[1].files.open(path) as other:
            if self._same_blocks is not None and self._same_blocks(one, other):
                return True
            return _same_bytes(one, other)

    def _xattrs(self, path: str, old: FileStat, new: FileStat) -> tuple[str, ...]:
        """The names of the attributes that differ; nothing is told of a side that has none at all to show."""
        if old.kind is not new.kind:
            return ()
        one, other = (side.files.xattrs(path) for side in self._sides)
        return tuple(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))

    # -- what is told --------------------------------------------------------------------------------------

    def _told(
        self,
        path: str,
        became: Changed,
        details: tuple[str, ...],
        xattrs: tuple[str, ...],
        old: FileStat | None,
        new: FileStat | None,
    ) -> FileDifference:
        is_read = became is not Changed.CHANGED or "content" in details or "kind" in details
        before, after = self._facts(0, path, old, read=is_read), self._facts(1, path, new, read=is_read)
        found = FileDifference(path, became, details, before, after, xattrs)
        if self._wish.content and is_read and (diff := self._diff(path, old, new)):
            return replace(found, diff=diff)
        return found

    def _facts(self, side: int, path: str, stat: FileStat | None, *, read: bool) -> FileFacts | None:
        if stat is None:
            return None
        target = self._target(side, path) if stat.kind is FileKind.LINK else ""
        checksum = ""
        if self._wish.checksum and read and stat.kind is FileKind.FILE:
            checksum = digest(self._sides[side].files, path, self._wish.checksum)
        return FileFacts(
            stat.kind, stat.size, stat.mode, stat.uid, stat.gid, stat.mtime, stat.device, target, checksum
        )

    def _diff(self, path: str, old: FileStat | None, new: FileStat | None) -> str:
        """How a small text file differs that everybody may read; of one that is new, or gone, all its lines."""
        stats = [one for one in (old, new) if one is not None]
        if any(one.kind is not FileKind.FILE or one.size > DIFF_LIMIT for one in stats):
            return ""
        if is_private(path) or any(not one.mode & OTHERS_READ for one in stats):
            return ""
        texts = [
            side.files.read_bytes(path, limit=DIFF_LIMIT) if stat is not None else b""
            for side, stat in zip(self._sides, (old, new), strict=True)
        ]
        if any(b"\0" in text or text.count(b"\n") > DIFF_LINES for text in texts):
            return ""
        return unified_diff(texts[0], texts[1], path)


def _same_bytes(one: BinaryIO, other: BinaryIO) -> bool:
    while True:
        here, there = one.read(PIECE), other.read(PIECE)
        if here != there:
            return False
        if not here:
            return True


def _tops(paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths without those that are below another one, in the order of a walk."""
    plain = sorted({path.rstrip("/") or "/" for path in paths})
    return tuple(
        path
        for path in plain
        if not any(path != other and (other == "/" or path.startswith(f"{other}/")) for other in plain)
    )


def _moved(path: str, true: str, top: str) -> str:
    """Return what a path below ``true`` is called below ``top``."""
    if true == top:
        return path
    rest = path[len(true.rstrip("/")) :]
    return f"{top.rstrip('/')}{rest}" or "/"


def _left_out(patterns: tuple[str, ...]) -> LeaveOut | None:
    """Return what tells whether one of the patterns is about a path."""
    if not patterns:
        return None
    whole = [fnmatch.translate(one) for one in patterns if "/" in one]
    names = [fnmatch.translate(one) for one in patterns if "/" not in one]
    paths = re.compile("|".join(whole)).match if whole else None
    last = re.compile("|".join(names)).match if names else None

    def is_out(path: str) -> bool:
        if paths is not None and paths(path):
            return True
        return last is not None and bool(last(path.rpartition("/")[2]))

    return is_out
