"""An encrypted volume as a disk: any piece of it, where its data begins, and where it ends."""

from __future__ import annotations

import random

import pytest

from imgtools.errors import BadImage
from imgtools.records.disks import Declined
from imgtools.volumes.luks.disk import STEP, LuksDisk, why_not
from imgtools.volumes.luks.header import LuksHeader, Piece, Segment
from tests.support.luks import encrypted
from tests.support.volumes import bytes_volume

KEY = bytes(range(64))
CIPHER = "aes-xts-plain64"
CONTENT = random.Random(3).randbytes(64 << 10)
START = 8192


def header(segment: Segment) -> LuksHeader:
    return LuksHeader(2, "", 0, (Piece(0, 0),), segment, 64, 0, {})


@pytest.mark.parametrize("sector_size", [512, 4096])
def test_any_piece(sector_size: int) -> None:
    stored = bytes(START) + encrypted(CONTENT, CIPHER, KEY, sector_size)
    disk = LuksDisk(bytes_volume(stored), Segment(START, None, 0, CIPHER, sector_size), KEY)
    assert disk.size == len(CONTENT)
    assert (disk.socket, disk.warning) == ("", "")
    for offset, length in [(0, 1), (511, 2), (0, 4096), (4095, 4098), (65535, 10), (0, 1 << 20), (65536, 1)]:
        assert disk.read(offset, length) == CONTENT[offset : offset + length]
    assert disk.read(1 << 40, 10) == b""
    draw = random.Random(4)
    for _ in range(200):
        offset, length = draw.randrange(66000), draw.randrange(9000)
        assert disk.read(offset, length) == CONTENT[offset : offset + length]


def test_more_than_is_decrypted_at_a_time() -> None:
    content = random.Random(5).randbytes(2 * STEP + 4096)
    disk = LuksDisk(
        bytes_volume(encrypted(content, CIPHER, KEY, 4096)), Segment(0, None, 0, CIPHER, 4096), KEY
    )
    assert disk.read(0, len(content)) == content
    assert disk.read(100, 2 * STEP) == content[100 : 100 + 2 * STEP]


def test_a_size_and_a_tweak() -> None:
    stored = bytes(START) + encrypted(CONTENT, CIPHER, KEY, 512, first=1000) + b"behind"
    disk = LuksDisk(bytes_volume(stored), Segment(START, 65536, 1000, CIPHER, 512), KEY)
    assert disk.read(0, 1 << 20) == CONTENT


def test_a_device_that_is_too_small() -> None:
    with pytest.raises(BadImage, match=r"/dev/sda1: its data should end at byte 12288, and it has 8192"):
        LuksDisk(bytes_volume(bytes(8192)), Segment(8192, 4096, 0, CIPHER, 512), KEY)
    with pytest.raises(BadImage, match="should end"):
        why_not(header(Segment(9000, None, 0, CIPHER, 512)), bytes_volume(bytes(8192)))


def test_what_is_declined() -> None:
    device = bytes_volume(bytes(8192 + 512))
    odd = why_not(header(Segment(0, None, 0, CIPHER, 4096)), device)
    assert odd == Declined("/dev/sda1", "it is not made of whole sectors of 4096 bytes")
    unknown = why_not(header(Segment(0, None, 0, "aes-adiantum-plain64", 512)), device)
    assert unknown is not None and "aes-adiantum-plain64" in unknown.reason
    assert why_not(header(Segment(0, None, 0, CIPHER, 512)), device) is None
