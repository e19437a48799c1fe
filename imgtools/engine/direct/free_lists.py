"""What is free in a filesystem by the word of its own programs, which also have to find it clean.

Nothing that a filesystem has freed is given away by one reader's word: its checker must find nothing, and what our
reader takes for free must be free by another program. ext, XFS and btrfs list what is free or used, of NTFS and FAT the
checker compares what is free with what files hold, and the number of free clusters has to be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imgtools.engine.direct.checkers import CHECK, CHECKERS, complaints
from imgtools.engine.direct.shown import shown
from imgtools.engine.process import Completed, Fence, Kind, ToolFailed, run
from imgtools.errors import EditFailed
from imgtools.volumes.ranges import Range, Ranges, joined, total, without
from imgtools.volumes.volume_file import DiskFile

COUNTER = "Free cluster summary"  # of FAT: a hint for speed that nobody has to keep right
NTFS_CHECK = ("ntfsresize", "--info", "--no-progress-bar")


def confirm_free(file: DiskFile, content: str, free: Ranges) -> None:
    """Make sure that a filesystem is clean, and free where we take it for free.

    :param content: what blkid calls it; swap and what is no filesystem have no program to ask.
    :param free: what our own reader says.
    :raises EditFailed: its programs find something, or do not agree.
    :raises ToolMissing: one of them is not installed.
    """
    if content not in CHECKERS:
        return
    with shown(file) as host_path:
        _require_clean(file.name, content, host_path)
        try:
            wrong = _compared(file, content, host_path, free)
        except ToolFailed as error:
            raise EditFailed(f"{file.name}: {error.message}", hint=_hint(file.name)) from None
    if wrong:
        raise EditFailed(
            f"{file.name}: two readers do not agree on what is free in its {content}: {wrong}",
            hint=_hint(file.name),
        )


def _hint(device: str) -> str:
    return f"have it checked and repaired in the guest; --ignore {device} leaves it as it is"


def _require_clean(device: str, content: str, host_path: Path) -> None:
    checker = CHECKERS[content]
    words = NTFS_CHECK if content == "ntfs" else checker.argv
    done = run([*words, str(host_path)], Fence(checker.kind, (host_path,)), limits=CHECK, ok=range(256))
    found = [line for line in complaints(done) if not line.startswith(COUNTER)] if done.code else []
    if found and not (content == "vfat" and _is_counter_only(done)):
        raise EditFailed(
            f"{words[0]} does not find the {content} on {device} clean: {found[0]}", hint=_hint(device)
        )


def _is_counter_only(done: Completed) -> bool:
    """Whether all that fsck.fat would mend is the counter."""
    lines = [line.strip() for line in done.text.splitlines() if line.strip()]
    return done.code == 1 and len(lines) <= 5 and any(line.startswith(COUNTER) for line in lines)


def _compared(file: DiskFile, content: str, host_path: Path, free: Ranges) -> str:
    """Return where two readers do not agree, in words; "" if they do."""
    if content == "ntfs":
        return _counts(total(free), _ntfs(_ask(["ntfsinfo", "-m"], host_path).text))
    if content == "vfat":
        return _counts(total(free), _fat(_ask(["fsck.fat", "-n"], host_path, ok=(0, 1)).text, file))
    listed = {"xfs": _xfs, "btrfs": _btrfs}.get(content, _ext)(host_path, file)
    if left := without(free, joined(listed)):
        return f"byte {left[0][0]} is free by one of them only"
    return ""


def _counts(ours: int, theirs: int) -> str:
    return "" if ours == theirs else f"{ours} bytes and {theirs} bytes"


def _ask(
    words: list[str], host_path: Path, kind: Kind = Kind.CHECKER, ok: tuple[int, ...] = (0,)
) -> Completed:
    return run([*words, str(host_path)], Fence(kind, (host_path,)), limits=CHECK, ok=ok)


def _ext(host_path: Path, _file: DiskFile) -> Iterator[Range]:
    text = _ask(["dumpe2fs"], host_path).text
    size = int(_found(r"^Block size: +(\d+)", text))
    # Of a range of clusters it names the first block of the first and the first block of the last.
    cluster = re.search(r"^Cluster size: +(\d+)", text, re.MULTILINE)
    each = int(cluster[1]) if cluster else size
    for line in re.findall(r"^  Free blocks: (.*)$", text, re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", line):
            yield int(first) * size, int(last or first) * size + each


def _xfs(host_path: Path, file: DiskFile) -> Iterator[Range]:
    from imgtools.filesystems.xfs.reader import parse_superblock

    known = parse_superblock(file.read_exactly(0, 512))
    if isinstance(known, str):
        raise EditFailed(f"{file.name}: {known}")
    words = ["xfs_db", "-r", "-f", "-c", "freesp -d"]
    text = _ask(words, host_path, Kind.LIMITLESS_CHECKER).text
    size, each = known.geometry.block_size, known.geometry.group_blocks
    for group, first, count in re.findall(r"^ *(\d+) +(\d+) +(\d+) *$", text, re.MULTILINE):
        start = int(group) * each + int(first)
        yield start * size, (start + int(count)) * size


def _btrfs(host_path: Path, _file: DiskFile) -> Iterator[Range]:
    dump = ["btrfs", "inspect-internal", "dump-tree", "-t"]
    node = int(
        _found(r"^nodesize\s+(\d+)", _ask(["btrfs", "inspect-internal", "dump-super"], host_path).text)
    )
    chunks = _ask([*dump, "chunk"], host_path).text
    size = int(_found(r"devid 1 total_bytes (\d+)", chunks))
    used = []
    for address, kind, number in re.findall(
        r"key \((\d+) (EXTENT_ITEM|METADATA_ITEM) (\d+)\)", _ask([*dump, "extent"], host_path).text
    ):
        length = int(number) if kind == "EXTENT_ITEM" else node
        used.append((int(address), int(address) + length))
    taken, in_chunks = [], []
    for start, length, stripes in re.findall(
        r"CHUNK_ITEM (\d+)\).*?length (\d+) owner(.*?)(?=key \(|\Z)", chunks, re.DOTALL
    ):
        first, end = int(start), int(start) + int(length)
        inside = [
            (max(one, first) - first, min(two, end) - first) for one, two in used if one < end and two > first
        ]
        for offset in map(int, re.findall(r"devid 1 offset (\d+)", stripes)):
            in_chunks.append((offset, offset + int(length)))
            taken += [(offset + one, offset + two) for one, two in inside]
    yield from without([(0, size)], joined(taken))


def _ntfs(text: str) -> int:
    """The free bytes of ntfsinfo."""
    return int(_found(r"Cluster Size: (\d+)", text)) * int(_found(r"Free Clusters: (\d+)", text))


def _fat(text: str, file: DiskFile) -> int:
    """The free bytes of fsck.fat, which counts what is used."""
    from imgtools.volumes.fat_boot_sector import parse_boot_sector

    known = parse_boot_sector(file.read_exactly(0, 512))
    if isinstance(known, str):
        raise EditFailed(f"{file.name}: {known}")
    used, of = re.findall(r"(\d+)/(\d+) clusters", text)[-1] if "clusters" in text else (0, 0)
    return (int(of) - int(used)) * known.cluster_bytes


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise EditFailed("a filesystem's program does not say what is free in it")
    return found[1]
