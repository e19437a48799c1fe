"""What is not read without booting is recognised, and left to the appliance or declined by its name."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.volumes import blank, patch, tool

MIB = 1 << 20


def exfat(path: Path) -> None:
    tool("mkfs.exfat", path)


def squashfs(path: Path) -> None:
    folder = path.parent / "folder"
    folder.mkdir()
    (folder / "file").write_text("x")
    tool("mksquashfs", folder, path, "-noappend", "-quiet", "-no-progress")
    with path.open("r+b") as stream:
        stream.truncate(MIB)


def f2fs(path: Path) -> None:
    tool("mkfs.f2fs", "-q", path)


def udf(path: Path) -> None:
    """A volume recognition sequence and an anchor (ECMA-167, 2/9.1, 3/10.2), as blkid looks for them."""
    for number, name in enumerate((b"BEA01", b"NSR02", b"TEA01")):
        patch(path, 32768 + 2048 * number, b"\0" + name + b"\1")
    for number, tag in ((256, 2), (257, 1)):  # the anchor, and the primary descriptor that it points to
        body = struct.pack("<IIII", 2048, 257, 2048, 257) if tag == 2 else bytes(16)
        patch(path, 2048 * number, struct.pack("<HHBxHHHI", tag, 2, 0, 0, 0, 0, number) + body)


def zfs(path: Path) -> None:
    """Uberblocks in the first label (ZFS On-Disk Specification, 1.3): blkid wants four."""
    for number in range(8):
        patch(path, 128 * 1024 + 1024 * number, struct.pack("<QQQ", 0x00BAB10C, 5000, 1))


KINDS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "exfat": (exfat, "exfat", "exfat is read by the appliance only"),
    "squashfs": (squashfs, "squashfs", "squashfs is read by the appliance only"),
    "f2fs": (f2fs, "f2fs", "f2fs is read by the appliance only"),
    "udf": (udf, "udf", "udf is read by the appliance only"),
    "zfs": (zfs, "zfs_member", "ZFS is not read here"),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_is_named_and_not_guessed(name: str, tmp_path: Path) -> None:
    make, content, words = KINDS[name]
    image = blank(tmp_path / "disk.raw", 64 * MIB)
    make(image)
    listed = imgtools("filesystems", "--json", "--engine", "direct", "--no-usage", image, code=None)
    if listed.code == 0:
        assert content in listed.out
    ran = imgtools("ls", image, "/", "--mount", "/dev/sda", "--engine", "direct", code=None)
    assert ran.code != 0 and words in ran.err and "Traceback" not in ran.err
