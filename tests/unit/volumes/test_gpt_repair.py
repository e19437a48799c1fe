"""A GPT with a damaged copy is made whole from the other, byte for byte as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import UnsupportedGuest
from imgtools.volumes.gpt_repair import mend_gpt
from imgtools.volumes.partitions import read_disk
from tests.support.volumes import blank, bytes_volume, tool

pytestmark = pytest.mark.host
SIZE = 8 << 20
LAST = SIZE - 512


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A disk of 8 MiB with two partitions, made by sfdisk."""
    path: Path = blank(tmp_path_factory.mktemp("gpt") / "disk.raw", SIZE)
    tool("sfdisk", "-q", path, stdin="label: gpt\nsize=2MiB,name=one\nsize=3MiB,bootable\n")
    return path.read_bytes()


def mended(content: bytes) -> bytes:
    made = bytearray(content)
    for one in mend_gpt(bytes_volume(content)):
        made[one.offset : one.offset + len(one.content)] = one.content
    return bytes(made)


def without(content: bytes, *places: tuple[int, int]) -> bytes:
    made = bytearray(content)
    for start, length in places:
        made[start : start + length] = bytes(length)
    return bytes(made)


def test_a_whole_table_needs_nothing(disk: bytes) -> None:
    assert mend_gpt(bytes_volume(disk)) == ()


@pytest.mark.parametrize(
    "damage",
    [
        ((512, 512),),
        ((1024, 4096),),
        ((512, 33 * 512),),
        ((446, 66),),
        ((0, 512), (512, 33 * 512)),
        ((LAST, 512),),
        ((SIZE - 33 * 512, 4096),),
        ((SIZE - 33 * 512, 33 * 512), (446, 66)),
    ],
    ids=["header", "entries", "primary", "mbr", "first track", "last", "last entries", "mbr and backup"],
)
def test_what_is_damaged_is_as_it_was(disk: bytes, damage: tuple[tuple[int, int], ...]) -> None:
    assert mended(without(disk, *damage)) == disk


def test_boot_code_stays_where_the_table_was_wiped(disk: bytes) -> None:
    code = b"GRUB" * 100
    assert mended(code + without(disk, (446, 66))[400:]) == code + disk[400:]


def test_a_disk_that_has_grown_has_its_backup_at_the_end(disk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "grown.raw"
    path.write_bytes(mended(disk + bytes(4 << 20)))
    assert "No problems found" in tool("sgdisk", "-v", path)
    found = read_disk(bytes_volume(path.read_bytes()), "/dev/sda")
    assert found.problems == () and [one.name for one in found.partitions] == ["one", ""]


def test_a_disk_smaller_than_its_partitions_is_refused(disk: bytes) -> None:
    with pytest.raises(UnsupportedGuest, match="partition 2 ends at sector"):
        mend_gpt(bytes_volume(disk[: 6 << 20]))


def test_an_old_backup_behind_an_mbr_is_no_table(disk: bytes) -> None:
    """Somebody has given the disk an MBR since."""
    made = bytearray(without(disk, (0, 34 * 512)))
    made[446:462] = b"\x80\0\0\0\x83\0\0\0\0\x08\0\0\0\x08\0\0"
    made[510:512] = b"\x55\xaa"
    assert mend_gpt(bytes_volume(bytes(made))) == ()


@pytest.mark.parametrize("content", [b"", bytes(512), bytes(SIZE), b"EFI PART" * 1000])
def test_what_is_no_table_needs_nothing(content: bytes) -> None:
    assert mend_gpt(bytes_volume(content)) == ()
