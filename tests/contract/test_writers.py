"""The writers of the direct engine against the in-memory guest: the same calls leave the same tree.

Each works on a plain file that holds one filesystem. Afterwards the filesystem's own checker finds it clean, and the
direct reader, which shares no code with the writers, finds in it what the in-memory guest holds.
"""

from __future__ import annotations

import io
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.engine.direct.session import mount_file
from imgtools.engine.direct.write import KINDS, Writer
from imgtools.errors import EditFailed, RolledBack
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile
from tests.support.memory import MemoryWriter

MKFS = {
    "ext4": ("mke2fs", "-q", "-F", "-t", "ext4"),
    "ext4-small-blocks": ("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024"),
    "ext4-large-inodes": ("mke2fs", "-q", "-F", "-t", "ext4", "-I", "512", "-O", "orphan_file"),
    "ext4-without-checksums": ("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum,^64bit,^dir_index"),
    "ext3": ("mke2fs", "-q", "-F", "-t", "ext3"),
    "ext2": ("mke2fs", "-q", "-F", "-t", "ext2"),
    "ntfs": ("mkntfs", "-q", "-F", "-Q"),
    "vfat": ("mkfs.vfat",),
}
SECONDS = 10**9
Facts = tuple[object, ...]


@dataclass
class Made:
    """A fresh filesystem in a file, open for writing."""

    content: str
    host_path: Path
    writer: Writer

    def reread(self) -> Filesystem:
        """Finish, and open it with the reader."""
        self.writer.finish()
        mounted = mount_file(DiskFile.whole(LocalDisk(self.host_path), "/dev/sda1"), self.content)
        assert not isinstance(mounted, Declined), mounted.reason
        return mounted


def make(kind: str, folder: Path, size: int = 24 << 20) -> Made:
    host_path = folder / f"{kind}.img"
    with host_path.open("wb") as file:
        file.truncate(size)
    subprocess.run([*MKFS[kind], host_path], check=True, capture_output=True)
    content = kind.partition("-")[0]
    return Made(content, host_path, KINDS[content]().open(host_path, "/dev/sda1"))


@pytest.fixture(params=MKFS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    one = make(request.param, tmp_path)
    yield one
    one.writer.abandon()


def tree(filesystem: Filesystem, *, unix: bool, top: str = "") -> dict[str, Facts]:
    """Everything that can be said of every file, by its path; ``unix``: also owners, modes and attributes."""
    found: dict[str, Facts] = {}
    for entry in filesystem.scan(top or "/"):
        path, stat = f"{top}/{entry.name}", entry.stat
        if entry.name in ("lost+found", "System Volume Information"):
            continue
        facts: list[object] = [stat.kind]
        if stat.kind is FileKind.FILE:
            facts.append(filesystem.open(path).read())
        elif stat.kind is FileKind.LINK:
            facts.append(filesystem.read_link(path))
        if unix:
            mode = None if stat.kind is FileKind.LINK else stat.mode
            facts += [mode, stat.uid, stat.gid, dict(filesystem.xattrs(path))]
        found[path] = tuple(facts)
        if stat.kind is FileKind.DIRECTORY:
            found |= tree(filesystem, unix=unix, top=path)
    return found


def content(size: int, seed: int = 0) -> BinaryIO:
    return io.BytesIO(random.Random(seed).randbytes(size))


def test_contents_and_names(made: Made) -> None:
    memory = MemoryWriter({}, ignores_case=made.writer.ignores_case)
    for one in (memory, made.writer):
        one.make_directory("/etc", 0o755)
        one.make_directory("/etc/deep", 0o755)
        for number, size in enumerate((0, 1, 100, 4096, 5000, 300_000, 3_000_000)):
            one.write(f"/etc/file {number}.conf", content(size, number))
        one.write("/etc/file 5.conf", content(10, 9))  # shorter than before
        one.write("/etc/file 1.conf", content(70_000, 9))  # longer than before
        one.truncate("/etc/file 6.conf")
        one.remove("/etc/file 0.conf")
        one.rename("/etc/file 2.conf", "/etc/deep/renamed")
        one.rename("/etc/file 3.conf", "/etc/deep/renamed")  # takes its place
        one.make_directory("/gone", 0o755)
        one.make_directory("/gone/below", 0o755)
        one.write("/gone/below/x", content(100_000))
        one.remove_tree("/gone")
    assert tree(made.reread(), unix=False) == tree(memory, unix=False)


def test_what_was_written_can_be_read_before_it_is_finished(made: Made) -> None:
    made.writer.make_directory("/d", 0o755)
    made.writer.write("/d/a", content(100_000))
    found = made.writer.lookup("/d/a")
    assert found is not None and (found.kind, found.size) == (FileKind.FILE, 100_000)
    assert made.writer.open("/d/a").read() == content(100_000).read()
    assert [entry.name for entry in made.writer.scan("/d")] == ["a"]
    assert made.writer.lookup("/d/b") is None
    free = made.writer.usage().free
    made.writer.remove("/d/a")
    assert made.writer.usage().free > free


def test_times_are_set_to_what_the_filesystem_can_hold(made: Made) -> None:
    made.writer.write("/a", content(5))
    moment = 1_500_000_002 * SECONDS + 123_456_700
    made.writer.set_times("/a", moment, moment)
    found = made.reread().lookup("/a")
    grain = 2 * SECONDS if made.content == "vfat" else 100
    grain = (
        SECONDS
        if made.content in ("ext2", "ext3") and found is not None and found.mtime % SECONDS == 0
        else grain
    )
    assert found is not None and found.mtime == moment - moment % grain


def test_a_full_filesystem_is_a_named_error(made: Made) -> None:
    with pytest.raises(EditFailed, match="no room"):
        made.writer.write("/large", content(30 << 20))


def test_many_names_in_one_directory(made: Made) -> None:
    memory = MemoryWriter({}, ignores_case=made.writer.ignores_case)
    count = 100 if made.content == "vfat" else 1500
    for one in (memory, made.writer):
        one.make_directory("/many", 0o755)
        for number in range(count):
            one.write(f"/many/a rather long name of a file {number:05}", content(number % 7))
        for number in range(0, count, 3):
            one.remove(f"/many/a rather long name of a file {number:05}")
    assert tree(made.reread(), unix=False) == tree(memory, unix=False)


# -- what Unix filesystems have besides ----------------------------------------------------------------------


@pytest.fixture(params=[kind for kind in MKFS if kind.startswith("ext")])
def ext(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    one = make(request.param, tmp_path)
    yield one
    one.writer.abandon()


def test_everything_that_ext_can_hold(ext: Made) -> None:
    memory = MemoryWriter({})
    for one in (memory, ext.writer):
        one.make_directory("/d", 0o1777)
        one.write("/d/f", content(100))
        one.set_owner("/d/f", 100_000, 70_000)
        one.set_mode("/d/f", 0o4751)
        for name, size in (("user.a", 0), ("security.selinux", 30), ("trusted.b", 200), ("user.a", 40)):
            one.set_xattr("/d/f", name, content(size, size).read())
        one.set_xattr("/d", "user.gone", b"x")
        one.remove_xattr("/d", "user.gone")
        one.make_hard_link("/d/second", "/d/f")
        one.make_link("/short", "target")
        one.make_link("/long", "/" + "very/" * 40 + "long")
        one.set_owner("/long", 5, 6)
        one.make_special("/null", FileKind.CHARACTER, (1, 3), 0o666)
        one.make_special("/large", FileKind.BLOCK, (259, 70_000), 0o660)
        one.make_special("/fifo", FileKind.FIFO, (0, 0), 0o600)
        one.make_special("/socket", FileKind.SOCKET, (0, 0), 0o755)
        one.make_directory("/to", 0o755)
        one.rename("/d", "/to/d")  # its ".." changes too
        one.write("/caf\udce9 \n", content(3))
        one.write("/" + "n" * 255, content(3))
    mounted = ext.reread()
    assert tree(mounted, unix=True) == tree(memory, unix=True)
    large, second = mounted.lookup("/large"), mounted.lookup("/to/d/second")
    assert large is not None and large.device == (259, 70_000)
    assert second is not None and second.links == 2


def test_times_of_ext_beyond_2038_and_before_1970(tmp_path: Path) -> None:
    ext = make("ext4", tmp_path)
    times = {
        "/future": 4_102_444_800 * SECONDS + 7,
        "/past": -5 * SECONDS + 3,
        "/now": 1_700_000_000 * SECONDS,
    }
    for path, moment in times.items():
        ext.writer.make_link(path, "x")
        ext.writer.set_times(path, moment + 1, moment)
    with pytest.raises(EditFailed, match="no such time"):
        ext.writer.set_times("/now", 0, (1 << 40) * SECONDS)
    mounted = ext.reread()
    for path, moment in times.items():
        found = mounted.lookup(path)
        assert found is not None and (found.mtime, found.atime) == (moment, moment + 1)


@pytest.mark.parametrize("seed", range(6))
def test_a_random_walk_leaves_what_memory_holds(ext: Made, seed: int) -> None:
    """Two hundred calls in a random order, which nobody would have thought of."""
    memory = MemoryWriter({})
    for number in range(200):
        call = random_call(random.Random(f"{seed}-{number}"), memory)
        if call is not None:
            call(ext.writer)
            call(memory)
    assert tree(ext.writer, unix=True) == tree(memory, unix=True)
    assert tree(ext.reread(), unix=True) == tree(memory, unix=True)


def random_call(dice: random.Random, memory: MemoryWriter) -> Callable[[MemoryWriter | Writer], None] | None:
    """One call that makes sense on the tree as it is now."""
    names = sorted(memory.nodes)
    directories = [name for name in names if memory.nodes[name].kind is FileKind.DIRECTORY]
    files = [name for name in names if memory.nodes[name].kind is FileKind.FILE]
    new = f"{dice.choice(directories).rstrip('/')}/{dice.randrange(300)}{'x' * dice.choice((0, 0, 9, 200))}"
    kind, value = dice.randrange(12), dice.randbytes(dice.choice((0, 1, 60, 5000, 90_000)))
    if kind < 3 and (new not in memory.nodes or new in files):
        return lambda fs: fs.write(new, io.BytesIO(value))
    if kind == 3 and new not in memory.nodes:
        return lambda fs: fs.make_directory(new, 0o750)
    if kind == 4 and new not in memory.nodes:
        return lambda fs: fs.make_link(new, "t" * (1 + len(value) % 300))
    if kind == 5 and len(directories) > 1:
        moved = dice.choice(directories[1:])
        return (
            None if (new + "/").startswith(moved + "/") or new in names else lambda fs: fs.rename(moved, new)
        )
    if kind == 6 and len(directories) > 6:
        return lambda fs: fs.remove_tree(directories[-1])
    if not files:
        return None
    some = dice.choice(files)
    calls: dict[int, Callable[[MemoryWriter | Writer], None]] = {
        7: lambda fs: fs.remove(some),
        8: lambda fs: fs.set_mode(some, len(value) % 0o1000),
        9: lambda fs: fs.set_xattr(some, f"user.{len(value) % 3}", value[:300]),
        10: lambda fs: fs.truncate(some),
    }
    if kind == 11 and new not in memory.nodes:
        return lambda fs: fs.make_hard_link(new, some)
    return calls.get(kind)


# -- what is refused -----------------------------------------------------------------------------------------


def test_a_protected_file_is_refused_as_the_kernel_does(tmp_path: Path) -> None:
    ext = make("ext4", tmp_path)
    ext.writer.write("/kept", content(5))
    ext.writer.finish()
    subprocess.run(["debugfs", "-w", "-R", "set_inode_field /kept flags 0x80010", ext.host_path], check=True)
    writer = KINDS["ext4"]().open(ext.host_path, "/dev/sda1")
    for call in (
        lambda: writer.write("/kept", content(1)),
        lambda: writer.remove("/kept"),
        lambda: writer.set_mode("/kept", 0),
    ):
        with pytest.raises(EditFailed, match="immutable"):
            call()
    writer.abandon()


@pytest.mark.parametrize(
    "options", [["-O", "quota"], ["-O", "inline_data"], ["-O", "bigalloc"], ["-O", "mmp"]]
)
def test_features_that_nobody_here_knows_are_declined(tmp_path: Path, options: list[str]) -> None:
    host_path = tmp_path / "x.img"
    with host_path.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run([*MKFS["ext4"], *options, host_path], check=True, capture_output=True)
    assert isinstance(KINDS["ext4"]().refuse(DiskFile.whole(LocalDisk(host_path), "/dev/sda1")), Declined)


@pytest.mark.parametrize(("field", "value"), [("state", 2), ("state", 0), ("last_orphan", 12)])
def test_a_filesystem_that_is_not_clean_is_declined(tmp_path: Path, field: str, value: int) -> None:
    ext = make("ext4", tmp_path)
    ext.writer.finish()
    subprocess.run(
        ["debugfs", "-w", "-R", f"set_super_value {field} {value}", ext.host_path],
        check=True,
        capture_output=True,
    )
    refused = KINDS["ext4"]().refuse(DiskFile.whole(LocalDisk(ext.host_path), "/dev/sda1"))
    assert isinstance(refused, Declined)


def test_the_checker_has_the_last_word(tmp_path: Path) -> None:
    ext = make("ext4", tmp_path)
    ext.writer.write("/f", content(100))
    ext.writer.finish()
    subprocess.run(
        ["debugfs", "-w", "-R", "set_inode_field /f links_count 5", ext.host_path],
        check=True,
        capture_output=True,
    )
    with pytest.raises(RolledBack, match="e2fsck"):
        KINDS["ext4"]().open(ext.host_path, "/dev/sda1").finish()


def test_windows_names_are_windows_names(tmp_path: Path) -> None:
    ntfs = make("ntfs", tmp_path)
    for name in ("a:b", "con", "what?", "end. "):
        with pytest.raises(EditFailed, match="not a name that Windows takes"):
            ntfs.writer.write(f"/{name}", content(1))
    for call in (
        lambda: ntfs.writer.set_mode("/", 0o700),
        lambda: ntfs.writer.set_owner("/", 5, 5),
        lambda: ntfs.writer.make_link("/l", "x"),
    ):
        with pytest.raises(EditFailed, match="NTFS has no"):
            call()
    ntfs.writer.abandon()


def test_fat_keeps_the_marks_of_a_file(tmp_path: Path) -> None:
    fat = make("vfat", tmp_path)
    fat.writer.write("/grub.cfg", content(10))
    subprocess.run(["mattrib", "-i", fat.host_path, "+h", "+r", "::/grub.cfg"], check=True)
    fat.writer.write("/grub.cfg", content(20))
    told = subprocess.run(
        ["mattrib", "-i", fat.host_path, "::/grub.cfg"], check=True, capture_output=True
    ).stdout
    assert b"HR" in told.split()
    fat.writer.remove("/grub.cfg")
    assert fat.writer.lookup("/grub.cfg") is None
    fat.writer.finish()
