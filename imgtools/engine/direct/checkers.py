"""The filesystems' own checkers on a volume of a served disk, which is exported as a file that cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.engine.process import Completed, Fence, Kind, Limits, run
from imgtools.engine.qemu.storage_daemon import serve_part
from imgtools.records.disks import Declined
from imgtools.volumes.volume_file import DiskFile

CHECK = Limits(seconds=3600)
MOST_LINES = 5  # of what a checker says


@dataclass(frozen=True, slots=True)
class Checked:
    """What a checker says; no lines: it finds nothing."""

    program: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Checker:
    argv: Sequence[str]
    kind: Kind = Kind.CHECKER


def check_volume(file: DiskFile, content: str) -> Checked | Declined:
    """Have a filesystem looked through by its checker, which changes nothing, or say why it cannot be.

    :param content: what blkid calls it.
    :raises ToolMissing: the checker is not installed.
    :raises EngineFailed: the volume cannot be exported.
    """
    if content not in CHECKERS:
        return Declined(file.name, f"no checker here knows {content or 'what it holds'}")
    if len(file.extents) != 1:
        return Declined(file.name, f"not checked: it lies in {len(file.extents)} pieces")
    checker, extent = CHECKERS[content], file.extents[0]
    if not extent.server.socket:
        return Declined(file.name, "not checked: it is put together here, of what lies elsewhere")
    with serve_part(extent.server.socket, extent.offset, extent.length) as host_path:
        argv = [*checker.argv, str(host_path)]
        done = run(argv, Fence(checker.kind, (host_path,)), limits=CHECK, ok=range(256))
    return Checked(argv[0], complaints(done) if done.code else ())


def complaints(done: Completed) -> tuple[str, ...]:
    """Return the first lines of what a checker finds, without what it only says on its way."""
    said = (done.text + done.stderr.decode("utf-8", "replace")).splitlines()
    lines = [" ".join(line.split()) for line in said if line.strip()]
    told = [line for line in lines if not _is_chatter(line)]
    return tuple(told[:MOST_LINES]) or (f"exit code {done.code}",)


CHATTER: Sequence[str] = (
    "Pass ",
    "Phase ",
    "- ",
    "e2fsck ",
    "fsck.fat ",
    "Opening filesystem",
    "Checking filesystem",
    "[",
    "No modify flag set",
    "Warning!",
)


def _is_chatter(line: str) -> bool:
    return line.startswith(tuple(CHATTER))


_E2FSCK = _Checker(["e2fsck", "-f", "-n"])
CHECKERS = {
    "ext2": _E2FSCK,
    "ext3": _E2FSCK,
    "ext4": _E2FSCK,
    "xfs": _Checker(["xfs_repair", "-n", "-f"], Kind.LIMITLESS_CHECKER),
    "vfat": _Checker(["fsck.fat", "-n"]),
    "btrfs": _Checker(["btrfs", "check", "--readonly"]),
    "ntfs": _Checker(["ntfsfix", "-n"]),
}
