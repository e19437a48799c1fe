"""What of a superblock stays while a filesystem is only used."""

from __future__ import annotations

import pytest

from imgtools.volumes.superblock import lasting_part
from tests.support.volumes import bytes_volume

USED = {
    "ext4": (1024, (0x0C, 0x2C, 0x30, 0x34, 0x3A, 0x88, 0x158, 0x178, 0x248, 0x3FC)),
    "xfs": (0, (128, 136, 144, 220, 224, 240)),
    "btrfs": (65536, (0, 72, 80, 88, 120, 164)),
}
LASTING = {
    "ext4": (1024, (0x08, 0x36, 0x5C, 0x60, 0x68, 0x78, 0x100)),
    "xfs": (0, (8, 32, 108, 127, 208, 216)),
    "btrfs": (65536, (32, 112, 136, 188, 299)),
}


def block(content: str, place: int, value: int) -> bytes:
    """A volume of zeros, but for one byte of its superblock."""
    offset = USED[content][0]
    whole = bytearray(offset + 4096)
    whole[offset + place] = value
    return lasting_part(bytes_volume(bytes(whole)), content)


@pytest.mark.parametrize("content", USED)
def test_counters_and_times_do_not_count(content: str) -> None:
    nothing = block(content, 0x3F0, 0)
    assert nothing and all(block(content, place, 0xFF) == nothing for place in USED[content][1])


@pytest.mark.parametrize("content", LASTING)
def test_what_is_changed_by_hand_counts(content: str) -> None:
    nothing = block(content, 0x3F0, 0)
    assert all(block(content, place, 0xF0) != nothing for place in LASTING[content][1])


def test_a_journal_that_was_replayed_is_no_change() -> None:
    assert block("ext4", 0x60, 0x04) == block("ext4", 0x60, 0)


def test_of_other_filesystems_nothing_is_known() -> None:
    assert lasting_part(bytes_volume(bytes(4096)), "ntfs") == lasting_part(None, "ext4") == b""
