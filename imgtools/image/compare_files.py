"""Which files of one filesystem are not as they were, told by what ``lstat`` says of them before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imgtools.change.compose import is_private
from imgtools.change.describe import unified_diff
from imgtools.errors import ImgtoolsError
from imgtools.files.refused import RefusedFiles
from imgtools.files.tree import GuestTree
from imgtools.records.differences import Became, Difference
from imgtools.records.files import FileKind, FileStat
from imgtools.records.system import Warned
from imgtools.units import format_size

MOST_FILES = 3_000_000  # of one filesystem; some 400 bytes each
LISTED = 10_000  # differences that are kept
DIFF_LIMIT = 64 << 10  # bytes of a file of which the difference is shown
DIFFS_LIMIT = 1 << 20  # characters of all that are shown
OTHERS_READ = 0o004
# Filesystems without owners: everybody may read everything, so only names tell what is private.
NAMES = {FileKind.FILE: "file", FileKind.DIRECTORY: "directory", FileKind.LINK: "link"}
NO_OWNERS = frozenset({"vfat", "ntfs", "exfat", "iso9660"})


@dataclass(slots=True)
class Found:
    """What is found, over all filesystems of an image."""

    files: list[Difference] = field(default_factory=list)
    count: int = 0
    diff_room: int = DIFFS_LIMIT
    warnings: list[Warned] = field(default_factory=list)

    def add(self, one: Difference) -> None:
        """Keep one, or only count it."""
        self.count += 1
        if self.count <= LISTED:
            self.files.append(one)


@dataclass(frozen=True, slots=True)
class Pair:
    """One filesystem before and after; ``shown`` makes the guest's path of one of its own."""

    before: GuestTree | None
    after: GuestTree | None
    content: str
    prefixes: tuple[tuple[str, str], ...]  # a path inside it, and what the guest calls it
    inside: str = ""  # where in the filesystem these trees begin

    def shown(self, path: str) -> str:
        """Return what a path is called where the guest mounts it."""
        path = f"{self.inside}{path}".rstrip("/") or "/"
        for inside, outside in self.prefixes:
            if inside == "/" or path == inside or path.startswith(f"{inside}/"):
                rest = path if inside == "/" else path[len(inside) :]
                return f"{outside.rstrip('/')}{rest}" if rest != "/" else outside
        return path


def compare_trees(pair: Pair, found: Found) -> int:
    """Add the differences of one filesystem to ``found``; returns how many there are."""
    old, new = _stats(pair.before, found), _stats(pair.after, found)
    count, only_times = 0, []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before == after:
            continue
        one = _difference(pair, path, before, after, found)
        if one is None:
            continue
        if one.file is FileKind.DIRECTORY and one.details == ("times",):
            only_times.append(one)  # something in it came or went, most often
            continue
        found.add(one)
        count += 1
    if count or pair.content == "btrfs":  # in a tree of btrfs, that may be the root of another
        return count
    for one in only_times:
        found.add(one)
    return len(only_times)


def _stats(tree: GuestTree | None, found: Found) -> dict[str, FileStat]:
    if tree is None:
        return {}
    refused, stats = RefusedFiles(), {}
    others: set[str] = set()  # roots of subvolumes inside this one, which are compared by themselves
    here = tree.stat("/").tree
    for one in tree.walk("/", refused, lambda path: path.rpartition("/")[0] in others):
        stats[one.path] = one.stat
        if one.stat.tree != here:
            others.add(one.path)
        if len(stats) >= MOST_FILES:
            found.warnings.append(Warned(f"more than {MOST_FILES} files: the others were not compared"))
            break
    found.warnings += refused.warnings
    return stats


def _difference(
    pair: Pair, path: str, before: FileStat | None, after: FileStat | None, found: Found
) -> Difference | None:
    known = after or before
    assert known is not None
    shown, diff = pair.shown(path), ""
    details: tuple[str, ...] = ()
    became = Became.CHANGED if before and after else Became.CREATED if after else Became.REMOVED
    if before and after:
        details = tuple(_details(pair, path, before, after))
        if not details:
            return None
    if became is not Became.CHANGED or "content" in details:
        diff = _diff(pair, path, shown, before, after, found)
    size, old_size = (one.size if one and one.kind is FileKind.FILE else None for one in (after, before))
    summary = _summary(became, shown, known, details)
    return Difference(became, shown, summary, known.kind, details, size, old_size, diff)


def _summary(became: Became, shown: str, stat: FileStat, details: Sequence[str]) -> str:
    name = NAMES.get(stat.kind, "special file")
    if became is Became.CHANGED:
        return f"changed {shown}: {', '.join(details)}"
    size = f", {format_size(stat.size)}" if stat.kind is FileKind.FILE else ""
    return f"{became} {shown} ({name}{size})"


def _details(pair: Pair, path: str, before: FileStat, after: FileStat) -> Iterator[str]:
    """Say what is different of a file that was there before; its access time never counts."""
    if before.kind is not after.kind:
        yield f"kind {before.kind.value} -> {after.kind.value}"
    if before.mode != after.mode:
        yield f"mode {before.mode:04o} -> {after.mode:04o}"
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield f"owner {before.uid}:{before.gid} -> {after.uid}:{after.gid}"
    if before.device != after.device:
        yield f"device {before.device[0]}:{before.device[1]} -> {after.device[0]}:{after.device[1]}"
    same_times = (before.mtime, before.ctime) == (after.mtime, after.ctime)
    is_content = after.kind in (FileKind.FILE, FileKind.LINK) and before.kind is after.kind
    sizes_differ = before.size != after.size and is_content
    if sizes_differ or (is_content and not same_times and not _is_same(pair, path, before, after)):
        yield "content"
    elif before.mtime != after.mtime:
        yield "times"
    elif before.ctime != after.ctime and (before.mode, before.uid, before.gid) == (
        after.mode,
        after.uid,
        after.gid,
    ):
        yield "attributes"


def _is_same(pair: Pair, path: str, before: FileStat, after: FileStat) -> bool:
    """Whether a file or link of one size holds the same; a large one by its times alone."""
    assert pair.before and pair.after
    try:
        if after.kind is FileKind.LINK:
            return pair.before.read_link(path) == pair.after.read_link(path)
        if after.size > DIFF_LIMIT:
            return before.mtime == after.mtime
        return pair.before.read_bytes(path) == pair.after.read_bytes(path)
    except ImgtoolsError:
        return False


def _diff(
    pair: Pair, path: str, shown: str, before: FileStat | None, after: FileStat | None, found: Found
) -> str:
    """Return the difference of a small text file that everybody may read, before as well as after."""
    stats = [one for one in (before, after) if one is not None]
    if any(one.kind is not FileKind.FILE or one.size > DIFF_LIMIT for one in stats):
        return ""
    has_owners = pair.content not in NO_OWNERS
    if is_private(shown) or (has_owners and any(not one.mode & OTHERS_READ for one in stats)):
        return ""
    try:
        old = pair.before.read_bytes(path) if before and pair.before else b""
        new = pair.after.read_bytes(path) if after and pair.after else b""
    except ImgtoolsError:
        return ""
    if b"\0" in old or b"\0" in new:
        return ""
    diff = unified_diff(old, new, shown)
    if len(diff) > found.diff_room:
        return ""
    found.diff_room -= len(diff)
    return diff
