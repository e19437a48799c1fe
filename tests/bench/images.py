"""The images of the benchmark: two fixtures, and others made here: of two sizes, full, in pieces, changed, of many."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fixtures import build
from fixtures.hives import empty
from imgtools.engine.regf.editor import HiveEditor
from tests.support.luks import format_luks

FIXTURES = ("real", "real-plain", "real-btrfs", "windows", "luks2")
SIZES = ("1G", "100G")
MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


def ready(name: str, folder: Path) -> Path:
    """The image of that name: a fixture, or one made in `folder` at its first use; `none` is the folder itself."""
    if name in FIXTURES:
        return build.fixture(name).image
    if name not in _MAKERS:
        return folder
    image = folder / f"{name}{_SUFFIXES.get(name, '.qcow2')}"
    if not image.exists():
        _MAKERS[name](name, image)
    return image


def make_trees(folder: Path) -> None:
    """Folders with one small file and with a thousand, a table of a hundred clones, and a .reg file."""
    for name, count in (("one", 1), ("thousand", 1000)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / f"file-{number:04}").write_text(f"{number}\n" * 200)
    (folder / "hundred.reg").write_text(_reg_text())
    key = "root:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome clone"
    rows = (f"clone{n},{key},ens3,192.0.2.{n}/24,192.0.2.254\n" for n in range(1, 101))
    (folder / "clones.csv").write_text("name,ssh_key,interface,address,gateway\n" + "".join(rows))


def _reg_text() -> str:
    """A hundred keys in three hives, as virt-win-reg takes them: parents first, empty lines between."""
    tops = (
        r"HKEY_LOCAL_MACHINE\SOFTWARE",
        r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001",
        r"HKEY_USERS\.DEFAULT",
    )
    keys = [rf"{top}\Bench" for top in tops] + [rf"{tops[n % 3]}\Bench\key{n}" for n in range(97)]
    lines = (f'[{key}]\n"name"="value"\n"number"=dword:0000002a\n\n' for key in keys)
    return "Windows Registry Editor Version 5.00\n\n" + "".join(lines)


def _large_hive(name: str, image: Path) -> None:
    """A registry hive of some 100 MB: 100,000 keys in a thousand others, with five values each."""
    editor = HiveEditor(empty("SOFTWARE"), "SOFTWARE", 1 << 56)
    for number in range(100_000):
        key = rf"Bench\folder{number // 100}\key{number}"
        for value in range(5):
            text = f"some text of a program, number {number}.{value}, as long as such texts are\0"
            editor.set_value(key, f"value{value}", 1, text.encode("utf-16-le"))
    editor.set_value("Bench", "last", 1, "a needle\0".encode("utf-16-le"))
    image.write_bytes(editor.finish() or b"")


def _sized_disk(size: str, image: Path) -> None:
    """A partitioned disk of that virtual size with a small system on ext4; most of it is a hole."""
    folder = image.parent
    tree = folder / "tree"
    (tree / "etc").mkdir(parents=True, exist_ok=True)
    (tree / "etc" / "os-release").write_text(OS_RELEASE)
    (tree / "etc" / "fstab").write_text("/dev/sda1 / ext4 defaults 0 1\n")
    for name in ("bin", "usr", "var/lib/dpkg"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    (tree / "var/lib/dpkg/status").write_text("")
    raw = folder / f"{size}.raw"
    sectors = int(size[:-1]) * (1 << 21)
    with raw.open("wb") as file:
        file.truncate(sectors * 512)
    _run("sfdisk", "-q", str(raw), stdin="label: dos\nstart=2048, type=83\n")
    blocks = (sectors - 2048) // 8 - 1
    _run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-J", "size=16",
        "-E", "offset=1048576,lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-d", str(tree), str(raw), str(blocks),
    )  # fmt: skip
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image))
    raw.unlink()


def _many_disks(name: str, image: Path) -> None:
    """A list of 200 small disks, each with an ext4 of its own."""
    folder = image.parent / name
    folder.mkdir()
    disks = [folder / f"{number:03}.raw" for number in range(200)]
    for disk in disks:
        _run("mke2fs", "-q", "-F", "-t", "ext4", str(disk), "16M")
    image.write_text("".join(f"{disk}\n" for disk in disks))


def _encrypted(name: str, image: Path) -> None:
    """A LUKS2 volume with an ext4 that holds a file of 256 MB; the name ends in the size of its sectors."""
    tree, plain = image.parent / f"{name}-tree", image.parent / f"{name}-plain"
    tree.mkdir()
    some = random.Random(16)
    with (tree / "large").open("wb") as file:
        for _ in range(256):
            file.write(some.randbytes(1 << 20))
    _sparse(plain, 300 << 20)
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-d", str(tree), str(plain))
    format_luks(image, plain.read_bytes(), sector_size=int(name.rpartition("-")[2]))
    plain.unlink()
    shutil.rmtree(tree)


def _tree(_name: str, folder: Path) -> None:
    """A folder with 1 GB of what cannot be packed: 16,000 files of 32 KB in 320 folders, and eight of 64 MB."""
    some = random.Random(17)
    for number in range(16_000):
        path = folder / f"folder-{number // 50:03}" / f"file-{number:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(some.randbytes(32 << 10))
    for number in range(8):
        (folder / f"large-{number}").write_bytes(some.randbytes(64 << 20))


def _on_btrfs(name: str, image: Path) -> None:
    """20,000 empty files in 400 folders on btrfs and, beside it, on ext4."""
    tree = image.parent / f"{name}-tree"
    _make_files(tree, folders=400, files=50)
    _sparse(image, 256 << 20)
    _run("mkfs.btrfs", "-q", "--rootdir", str(tree), str(image))
    beside = image.with_name(f"{name}-ext4.raw")
    _sparse(beside, 256 << 20)
    _run("mke2fs", "-q", "-t", "ext4", "-N", "40000", "-d", str(tree), str(beside))
    shutil.rmtree(tree)


def _on_arrays(name: str, image: Path) -> None:
    """The disks of a guest on RAID1, RAID5 and LVM, beside each other."""
    for number, disk in enumerate(build.fixture("md-guest").disks, 1):
        copy(disk, image.with_name(f"{name}-{number}.qcow2"))


def _folders(name: str, image: Path) -> None:
    """10,000 empty files in 400 folders, on FAT16 and, beside it, on ext4."""
    tree = image.parent / f"{name}-tree"
    _make_files(tree, folders=400, files=25)
    _sparse(image, 64 << 20)
    _run("mkfs.fat", "-F", "16", "-s", "4", "-r", "2048", str(image))
    _run("mcopy", "-s", "-i", str(image), *(str(path) for path in sorted(tree.iterdir())), "::")
    beside = image.with_name(f"{name}-ext4.raw")
    _sparse(beside, 64 << 20)
    _run("mke2fs", "-q", "-t", "ext4", "-N", "20000", "-d", str(tree), str(beside))
    shutil.rmtree(tree)


def _million(name: str, image: Path) -> None:
    """A million empty files in a thousand folders, on ext4; each has an inode of its own."""
    tree = image.parent / f"{name}-tree"
    _make_files(tree, folders=1000, files=1000)
    _sparse(image, 2 << 30)
    _run("mke2fs", "-q", "-t", "ext4", "-N", "1100000", "-I", "256", "-d", str(tree), str(image))
    shutil.rmtree(tree)


def _owned(name: str, image: Path) -> None:
    """A guest with a million files in a thousand folders, of a thousand packages of dpkg: each file is one's."""
    tree = image.parent / f"{name}-tree"
    data, info, etc = tree / "usr/share/data", tree / "var/lib/dpkg/info", tree / "etc"
    _make_files(data, folders=1000, files=1000)
    for folder in (info, etc, tree / "bin"):
        folder.mkdir(parents=True)
    (etc / "os-release").write_text(OS_RELEASE)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (etc / "fstab").write_text("/dev/sda / ext4 defaults 0 1\n")
    status = []
    for number in range(1000):
        package = f"package{number}"
        paths = [f"usr/share/data/folder{number}/file-{file:04}.txt" for file in range(1000)]
        folders = ["/.", "/usr", "/usr/share", "/usr/share/data", f"/usr/share/data/folder{number}"]
        (info / f"{package}.list").write_text("\n".join([*folders, *(f"/{path}" for path in paths)]) + "\n")
        (info / f"{package}.md5sums").write_text("".join(f"{MD5_OF_NOTHING}  {path}\n" for path in paths))
        status.append(f"Package: {package}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")
    (info.parent / "status").write_text("\n".join(status))
    _sparse(image, 3 << 30)
    _run("mke2fs", "-q", "-t", "ext4", "-N", "1100000", "-I", "256", "-d", str(tree), str(image))
    shutil.rmtree(tree)


def _make_files(tree: Path, *, folders: int, files: int) -> None:
    for folder in range(folders):
        (tree / f"folder{folder}").mkdir(parents=True)
        for file in range(files):
            (tree / f"folder{folder}" / f"file-{file:04}.txt").touch()


def _sparse(image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size)


def _wide_disk(name: str, image: Path) -> None:
    """The disk of 1 GB with a hole of 99 GB behind it."""
    copy(ready("1G", image.parent), image)
    _run("qemu-img", "resize", "-q", "-f", "qcow2", str(image), "100G")


def _full_disk(size: str, image: Path) -> None:
    """A raw disk full of data that does not compress, none of it zero: the same at every run."""
    block = random.Random(20240301).randbytes(1 << 20)
    with image.open("wb") as file:
        for number in range(int(size[:-1]) << 10):
            file.write(number.to_bytes(8, "big") + block[8:])


def _pieces(name: str, image: Path) -> None:
    """A qcow2 of 100 GB whose every second cluster reads as zeros: 1.6 million extents, no data.

    The format (docs/interop/qcow2.txt of QEMU): l1_size and l1_table_offset at 36 and 40 of the header; in an L2
    entry bit 0 is "reads as zeros", and bits 9 to 55 are the cluster's place.
    """
    _run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", str(image), "100G")
    with image.open("r+b") as file:
        file.seek(36)
        count, table = struct.unpack(">IQ", file.read(12))
        file.seek(table)
        places = struct.unpack(f">{count}Q", file.read(8 * count))
        for place in (entry & 0x00FFFFFFFFFFFE00 for entry in places):
            file.seek(place)
            entries = list(struct.unpack(">8192Q", file.read(65536)))
            entries[1::2] = [1] * 4096
            file.seek(place)
            file.write(struct.pack(">8192Q", *entries))


def _changed(name: str, image: Path) -> None:
    """An overlay on a copy of the real Debian, with a changed file, one that went, and one that came."""
    base = image.with_name(f"{name}-base.qcow2")
    copy(ready("real", image.parent), base)
    _run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base.name, "-F", "qcow2", str(image))
    ours = (sys.executable, "-m", "imgtools")
    _run(*ours, "edit", str(image), "/etc/issue", "-e", "s/Debian/Sample/", "--write")
    _run(*ours, "rm", str(image), "/etc/mime.types", "--write")
    _run(*ours, "touch", str(image), "/srv/new", "--write")


_MAKERS: dict[str, Callable[[str, Path], None]] = {
    "1G": _sized_disk,
    "100G": _sized_disk,
    "wide": _wide_disk,
    "2G": _full_disk,
    "pieces": _pieces,
    "many": _many_disks,
    "folders": _folders,
    "on-btrfs": _on_btrfs,
    "million": _million,
    "owned": _owned,
    "hive": _large_hive,
    "changed": _changed,
    "arrays": _on_arrays,
    "luks-512": _encrypted,
    "luks-4096": _encrypted,
    "tree": _tree,
}
_SUFFIXES = {
    "arrays": "-1.qcow2",
    "tree": "-1G",
    "luks-512": ".raw",
    "luks-4096": ".raw",
    "2G": ".raw",
    "many": ".list",
    "folders": ".raw",
    "on-btrfs": ".raw",
    "million": ".raw",
    "owned": ".raw",
    "hive": ".hive",
}


def warm(image: Path) -> None:
    """Read an image once, so that no run pays for the disk below it; a sparse one is not worth it."""
    if image.is_file() and image.stat().st_blocks * 512 > image.stat().st_size // 2:
        with image.open("rb") as file:
            while file.read(1 << 20):
                pass


def copy(image: Path, target: Path) -> None:
    """A private copy that may be written; holes stay holes. It is on the disk, so that nobody else waits for it."""
    _run("cp", "--reflink=auto", "--sparse=always", str(image), str(target))
    target.chmod(0o644)
    _run("sync", str(target))


def _run(*words: str, stdin: str = "") -> None:
    subprocess.run(words, input=stdin.encode(), check=True, capture_output=True)
