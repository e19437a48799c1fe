"""The repairs of what lies below files: tables, filesystems, boot code; also where no guest can be read."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest

from imgtools.change.change import CheckFilesystem, WriteDisk
from imgtools.errors import NoGuest, UnsupportedGuest, UsageError
from imgtools.guest.boot.grub_code import is_core_sound
from imgtools.guest.guest import Guest
from imgtools.records.disks import Disk, Layout
from imgtools.records.request import Target
from imgtools.volumes.boot_code import GRUB
from imgtools.volumes.partitions import read_disk
from imgtools.volumes.volume_file import DiskFile
from imgtools.workflows.repair import repair
from tests.support.grub import core_image
from tests.support.linux_boot import MBR, ROOT, SWAP, debian
from tests.support.memory import Content, MemorySession, memory_image, memory_volume, serve
from tests.support.repairs import planned
from tests.support.volumes import bytes_volume, gpt_disk

SUPERBLOCK = 1024


def ext(state: int) -> bytes:
    """The first bytes of an ext4 whose superblock is in a state (fs/ext4/ext4.h)."""
    raw = bytearray(8192)
    struct.pack_into("<II", raw, SUPERBLOCK + 24, 2, 2)
    struct.pack_into("<HH", raw, SUPERBLOCK + 56, 0xEF53, state)
    struct.pack_into("<III", raw, SUPERBLOCK + 92, 0, 0x2, 0)
    struct.pack_into("<I", raw, SUPERBLOCK + 76, 1)
    struct.pack_into("<I", raw, SUPERBLOCK + 32, 8192)
    struct.pack_into("<I", raw, SUPERBLOCK + 40, 64)
    struct.pack_into("<H", raw, SUPERBLOCK + 88, 256)
    struct.pack_into("<II", raw, SUPERBLOCK, 64, 2)
    return bytes(raw)


def opening(devices: Mapping[str, bytes]) -> Guest:
    files = {name: bytes_volume(content, name) for name, content in devices.items()}
    return debian(open_device=files.get)


# -- filesystem-check ------------------------------------------------------------------------------------------


def test_only_a_filesystem_that_complains_is_checked_by_itself() -> None:
    assert planned("filesystem-check", opening({"/dev/sda1": ext(1)})) == ()
    assert planned("filesystem-check", opening({"/dev/sda1": ext(3)})) == (
        CheckFilesystem("/dev/sda1", "ext4"),
    )
    assert planned("filesystem-check", debian()) == ()  # nobody can read its bytes


def test_one_that_is_named_is_checked_whatever_it_says() -> None:
    assert planned("filesystem-check", debian(), device=ROOT.uuid) == (CheckFilesystem("/dev/sda1", "ext4"),)
    bare = debian(volumes=(replace(ROOT, content="", uuid=""), SWAP))
    forced = planned("filesystem-check", bare, device="/dev/sda1", type="xfs", force="yes")
    assert forced == (CheckFilesystem("/dev/sda1", "xfs", True),)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"device": "/dev/sdx1"}, UnsupportedGuest, "no volume /dev/sdx1"),
        ({"device": "/dev/sda2"}, UnsupportedGuest, "nobody mends what is on /dev/sda2: swap"),
        ({"device": "/dev/sda1", "type": "zfs"}, UsageError, "zfs"),
        ({"type": "ext4"}, UsageError, "type goes with device"),
    ],
)
def test_what_cannot_be_checked(settings: dict[str, str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        planned("filesystem-check", debian(), **settings)


# -- without a guest -------------------------------------------------------------------------------------------


def asked(monkeypatch: pytest.MonkeyPatch, content: bytes, *only: str) -> list[str]:
    """What repair does to a disk on which no system is found."""
    data = memory_volume("/dev/sda1")
    session = MemorySession({}, Layout((Disk("/dev/sda", 1 << 30),), volumes=(data,)))
    session.devices["/dev/sda1"] = bytes_volume(content, "/dev/sda1")
    request = serve(monkeypatch, "writing", memory_image(session, session))
    return [change.summary for change in repair(request, Target(), only).changes]


def test_a_disk_without_a_guest_that_can_be_read_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, ext(3)) == ["check and mend the ext4 filesystem on /dev/sda1"]


def test_where_nothing_is_to_be_mended_it_is_said_that_there_is_no_guest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for only in ((), ("filesystem-check",), ("initramfs",)):
        with pytest.raises(NoGuest):
            asked(monkeypatch, ext(1), *only)


# -- partition-table -------------------------------------------------------------------------------------------


def test_a_missing_second_copy_is_written() -> None:
    disk = gpt_disk(512, 256)
    changes = planned("partition-table", opening({"/dev/sda": disk}))
    made = bytearray(disk)
    for one in changes:
        assert isinstance(one, WriteDisk) and one.before
        made[one.offset : one.offset + len(one.content)] = one.content
    assert read_disk(bytes_volume(bytes(made)), "/dev/sda").problems == ()
    assert planned("partition-table", opening({"/dev/sda": bytes(made)})) == ()
    assert planned("partition-table", opening({"/dev/sda": disk}), disk="/dev/sdb") == ()


# -- boot-code -------------------------------------------------------------------------------------------------

BOOT = bytes(range(1, 0x60)) * 6
DISKBOOT = b"\x52\xbe" + bytes(range(200)) * 3
IMAGES: dict[str, Content | None] = {
    "/usr/lib/grub/i386-pc/boot.img": BOOT[:512], "/usr/lib/grub/i386-pc/diskboot.img": DISKBOOT[:512],
}  # fmt: skip
WINDOWS_CODE = b"\x33\xc0 Missing operating system".ljust(440, b"\x90")


def mbr(code: bytes = bytes(440), *active: int, vbr: int = 0) -> bytes:
    """A disk with two partitions at 1 and 2 MiB; the number says which begins with a boot sector."""
    made = bytearray(3 << 20)
    made[: len(code)] = code
    for number in (1, 2):
        at = 446 + 16 * (number - 1)
        made[at] = 0x80 if number in active else 0
        made[at + 4] = 0x83
        struct.pack_into("<II", made, at + 8, number * 2048, 2048)
    made[510:512] = b"\x55\xaa"
    if vbr:
        made[vbr << 20], made[(vbr << 20) + 510 : (vbr << 20) + 512] = 0xEB, b"\x55\xaa"
    return bytes(made)


def coded(disk: bytes, **settings: str) -> bytes:
    """The disk as the repair leaves it; there is nothing left to do then."""
    layout = read_disk(bytes_volume(disk), "/dev/sda")

    def guest(content: bytes) -> Guest:
        file: DiskFile = bytes_volume(content, "/dev/sda")
        return debian(IMAGES, disk=layout, open_device={"/dev/sda": file}.get)

    made = bytearray(disk)
    for one in planned("boot-code", guest(disk), **settings):
        assert isinstance(one, WriteDisk)
        made[one.offset : one.offset + len(one.content)] = one.content
    after = replace(guest(bytes(made)), layout=Layout((read_disk(bytes_volume(bytes(made)), "/dev/sda"),)))
    assert planned("boot-code", after, **settings) == ()
    return bytes(made)


def test_grubs_first_part_is_put_back_where_the_second_is() -> None:
    disk = bytearray(mbr())
    disk[512:1024] = DISKBOOT[:512]
    made = coded(bytes(disk))
    assert made[:0x5C] == BOOT[:0x5C] and made[0x5C:0x64] == (1).to_bytes(8, "little")
    assert made[0x66:0x68] == b"\x90\x90" and made[440:] == bytes(disk[440:])
    assert coded(mbr()) == mbr()  # there is no second part: nothing is certain


def test_the_mark_is_set_where_only_one_partition_can_start() -> None:
    assert coded(mbr(WINDOWS_CODE, vbr=2)) == mbr(WINDOWS_CODE, 2, vbr=2)
    assert coded(mbr(WINDOWS_CODE, 1, vbr=2)) == mbr(WINDOWS_CODE, 1, vbr=2)
    assert coded(mbr(WINDOWS_CODE)) == mbr(WINDOWS_CODE)
    assert coded(mbr(b"\xeb\x63 GRUB ", vbr=2)) == mbr(b"\xeb\x63 GRUB ", vbr=2)  # GRUB does not look for it


def test_the_mark_is_set_where_it_is_asked_for() -> None:
    assert coded(mbr(b"x", 1), active="/dev/sda2") == mbr(b"x", 2)
    with pytest.raises(UnsupportedGuest, match="no primary partition /dev/sda7"):
        coded(mbr(), active="/dev/sda7")


def test_the_signature_is_written_where_code_and_table_are() -> None:
    def unsigned(disk: bytes) -> bytes:
        return disk[:510] + bytes(2) + disk[512:]

    assert coded(unsigned(mbr(WINDOWS_CODE, 1))) == mbr(WINDOWS_CODE, 1)
    assert coded(unsigned(mbr())) == unsigned(mbr())  # no code
    assert (
        coded(unsigned(mbr(WINDOWS_CODE))[: 2 << 20]) == unsigned(mbr(WINDOWS_CODE))[: 2 << 20]
    )  # another size


def test_a_core_image_is_held_against_the_one_in_files() -> None:
    files: dict[str, Content | None] = {**IMAGES, "/boot/grub/i386-pc/core.img": core_image()}
    head = bytearray(b"\xeb\x63".ljust(440, b"\0"))
    head[0x5C:0x64] = (1).to_bytes(8, "little")
    head[0x180 : 0x180 + len(GRUB)] = GRUB
    disk = bytearray(mbr(bytes(head)))
    core = core_image(1)
    disk[512 : 512 + len(core)] = core
    files_of = debian(files).files
    assert is_core_sound(files_of, MBR, bytes_volume(bytes(disk)))
    disk[512 + 3600 : 512 + 3700] = b"\xff" * 100
    assert not is_core_sound(files_of, MBR, bytes_volume(bytes(disk)))
    assert not is_core_sound(files_of, MBR, bytes_volume(mbr()))
