"""The sketch of a volume is recognised as the whole volume is: the same words as blkid has for the file itself."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.bitlocker import encrypt
from imgtools.engine.direct.probe import AMBIVALENT_WORDS, Content, parse_udev, probe, unescape
from imgtools.errors import BadImage
from imgtools.volumes.blkid_sample import HEAD, TAIL, draw_sketch, label_places
from imgtools.volumes.volume_file import DiskFile
from tests.support.lvm import make_pv
from tests.support.volumes import BytesDisk, blank, bytes_volume, patch, tool, volume

MIB = 1 << 20
UUID = "d0d0d0d0-0001-4000-8000-000000000001"


def luks(path: Path, kind: str) -> None:
    tool(
        "cryptsetup", "luksFormat", "-q", "--type", kind, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
        "--uuid", UUID, "--key-file", "-", path, stdin="key",
    )  # fmt: skip


def iso(path: Path) -> None:
    folder = path.with_suffix(".tree")
    folder.mkdir()
    tool("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "MY DISC", "-o", path, folder)


def ddf(path: Path) -> None:
    """A member whose anchor is the last sector, and whose header lies where that says (Linux' md makes such)."""
    place = 24 * MIB
    header = struct.pack(">II24s8sII", 0xDE11DE11, 0, b"Linux-MDabcdefghijklmnop", b"01.02.00", 1, 1)
    header = header.ljust(96, b"\0") + struct.pack(">QQ", place // 512, 0xFFFFFFFFFFFFFFFF)
    for offset in (place, 48 * MIB - 512):
        patch(path, offset, header.ljust(512, b"\0"))


def udf(path: Path) -> None:
    """A volume whose descriptors, and what they name, lie behind everything that is looked at always."""
    block, volume_at, integrity_at = 2048, 1500, 3000

    def descriptor(tag: int, place: int, body: bytes) -> None:
        crc = struct.pack("<HHI", 0, 0, place)
        start = struct.pack("<HHBBH", tag, 2, 0, 0, 1) + crc
        total = (sum(start) - start[4]) & 0xFF
        patch(path, place * block, (start[:4] + bytes([total]) + start[5:] + body).ljust(block, b"\0"))

    for number, name in enumerate((b"BEA01", b"NSR02", b"TEA01")):
        patch(path, 32768 + number * block, b"\0" + name + b"\1")
    extents = struct.pack("<IIII", 4 * block, volume_at, 4 * block, volume_at)
    descriptor(2, 256, extents)
    text = (b"\x08" + b"MY UDF").ljust(31, b"\0") + bytes([7])
    descriptor(1, volume_at, (bytes(8) + text + bytes(16) + text).ljust(496, b"\0"))
    name = (b"\x08" + b"FAR AWAY").ljust(127, b"\0") + bytes([9])
    body = (
        bytes(4 + 64)
        + name
        + struct.pack("<I", block)
        + b"\0*OSTA UDF Compliant".ljust(24, b"\0")
        + b"\x02\x01"
    )
    descriptor(6, volume_at + 1, body.ljust(416, b"\0") + struct.pack("<II", block, integrity_at))
    descriptor(8, volume_at + 2, b"")
    descriptor(
        9, integrity_at, (bytes(12) + struct.pack("<I", 1)).ljust(56, b"\0") + struct.pack("<II", 1, 46)
    )


MAKERS: dict[str, tuple[int, str, Callable[[Path], object]]] = {
    "ext4": (
        16 * MIB,
        "ext4",
        lambda path: tool("mke2fs", "-q", "-t", "ext4", "-L", "a b\\c", "-U", UUID, path),
    ),
    "ext2": (16 * MIB, "ext2", lambda path: tool("mke2fs", "-q", "-t", "ext2", path)),
    "xfs": (320 * MIB, "xfs", lambda path: tool("mkfs.xfs", "-q", "-L", "data", "-m", f"uuid={UUID}", path)),
    "btrfs": (300 * MIB, "btrfs", lambda path: tool("mkfs.btrfs", "-q", "-L", "pool", "-U", UUID, path)),
    "ntfs": (16 * MIB, "ntfs", lambda path: tool("mkntfs", "-q", "-F", "-Q", "-L", "Wïn Data", path)),
    "fat12": (1440 << 10, "vfat", lambda path: tool("mkfs.fat", "-F", 12, "-n", "FLOPPY", path)),
    "fat16": (64 * MIB, "vfat", lambda path: tool("mkfs.fat", "-F", 16, "-n", "A LABEL", path)),
    "fat32": (3000 * MIB, "vfat", lambda path: tool("mkfs.fat", "-F", 32, "-s", 1, "-n", "BIG FAT", path)),
    "iso": (0, "iso9660", iso),
    "swap": (8 * MIB, "swap", lambda path: tool("mkswap", "-q", "-L", "swap", "-U", UUID, path)),
    "luks1": (8 * MIB, "crypto_LUKS", lambda path: luks(path, "luks1")),
    "luks2": (32 * MIB, "crypto_LUKS", lambda path: luks(path, "luks2")),
    "lvm": (0, "LVM2_member", lambda path: path.write_bytes(make_pv("A", None))),
    "bitlocker": (8 * MIB, "BitLocker", lambda path: bitlocker(path)),
    "ddf": (48 * MIB, "ddf_raid_member", ddf),
    "udf": (48 * MIB, "udf", udf),
    "nothing": (4 * MIB, "", lambda _path: None),
}


def bitlocker(path: Path) -> None:
    path.write_bytes(b"a filesystem".ljust(6 * MIB))
    encrypt(path, 8 * MIB)


def made(folder: Path, kind: str) -> Path:
    size, _content, make = MAKERS[kind]
    path = blank(folder / f"{kind}.img", size)
    make(path)
    return path


def by_blkid(path: Path, kind: str) -> Content:
    """What blkid says of the whole file."""
    values = {}
    for tag in ("TYPE", "LABEL", "UUID", "VERSION"):
        values[tag] = (
            "" if kind == "nothing" else tool("blkid", "-p", "-o", "value", "-s", tag, path).rstrip("\n")
        )
    return Content(values["TYPE"], values["LABEL"], values["UUID"], values["VERSION"])


@pytest.mark.host
@pytest.mark.parametrize("kind", MAKERS)
def test_a_sketch_is_recognised_as_the_volume_is(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    (found,) = probe([volume(path)])
    assert found == by_blkid(path, kind)
    assert found.type == MAKERS[kind][1]


@pytest.mark.host
def test_several_volumes_keep_their_order(tmp_path: Path) -> None:
    """blkid stops at the first volume that it does not know."""
    kinds = ["nothing", "swap", "nothing", "nothing", "ext4", "fat12", "nothing"]
    paths = {kind: made(tmp_path, kind) for kind in set(kinds)}
    found = probe([volume(paths[kind]) for kind in kinds])
    assert [content.type for content in found] == [MAKERS[kind][1] for kind in kinds]
    assert probe([]) == []


@pytest.mark.host
def test_two_filesystems_in_one_place(tmp_path: Path) -> None:
    path, other = made(tmp_path, "fat16"), made(tmp_path, "ext4")
    content = bytearray(path.read_bytes())
    content[1024:2048] = other.read_bytes()[1024:2048]
    both = bytes_volume(bytes(content))
    found = probe([volume(other), both, volume(other), both, both])
    assert [one.type for one in found] == ["ext4", "", "ext4", "", ""]
    assert found[1] == found[3] == found[4] == Content(problem=AMBIVALENT_WORDS)


class Broken(BytesDisk):
    def read(self, offset: int, length: int) -> bytes:
        raise BadImage("cannot read")


@pytest.mark.host
def test_a_volume_that_cannot_be_read_does_not_take_others_with_it(tmp_path: Path) -> None:
    found = probe([DiskFile.whole(Broken(bytes(MIB))), volume(made(tmp_path, "swap"))])
    assert found[0] == Content(problem="cannot read")
    assert found[1].type == "swap"


@pytest.mark.host
def test_a_sketch_is_sparse_and_small(tmp_path: Path) -> None:
    path = blank(tmp_path / "a.img", 1 << 40)
    tool("mkfs.fat", "-F", 32, "-s", 128, path)
    descriptor = draw_sketch(volume(path))
    try:
        facts = os.fstat(descriptor)
        assert facts.st_size == 1 << 40
        assert facts.st_blocks * 512 < 1 << 20
    finally:
        os.close(descriptor)


@given(st.binary(max_size=600))
def test_rubbish_in_a_boot_sector_names_no_large_place(raw: bytes) -> None:
    for start in (b"", b"\xeb\x52\x90NTFS    ", b"\xeb\x52\x90EXFAT   ", bytes(82) + b"FAT32"):
        for offset, length in label_places(start + raw):
            assert offset >= 0 and 0 <= length <= 1 << 17


def test_where_a_label_lies() -> None:
    ntfs = bytearray(512)
    ntfs[3:11] = b"NTFS    "
    struct.pack_into("<HB", ntfs, 11, 512, 8)
    struct.pack_into("<Q", ntfs, 48, 786_432)  # where Windows puts its file table
    assert list(label_places(bytes(ntfs))) == [(786_432 * 4096, 16384)]
    assert list(label_places(bytes(512))) == []
    assert HEAD > 512 << 10 and TAIL > 512 << 10


def test_what_blkid_prints() -> None:
    text = "ID_FS_LABEL=a_b\nID_FS_LABEL_ENC=a\\x20b\\x5cx20\nID_FS_TYPE=ext4\n\nID_FS_TYPE=swap\nID_FS_VERSION=1\n"
    assert parse_udev(text) == [Content("ext4", "a b\\x20"), Content("swap", version="1")]
    assert parse_udev("") == []
    assert unescape("\\xff\\xc3\\xa9") == "\udcffé"
