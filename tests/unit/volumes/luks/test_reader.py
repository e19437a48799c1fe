"""Headers of encrypted volumes: what they say, and what is damaged, hostile, or not known."""

from __future__ import annotations

import random
import time
import tracemalloc
from contextlib import suppress

import pytest

from imgtools.errors import BadImage
from imgtools.records.disks import Declined
from imgtools.volumes.luks.header import LuksHeader, Piece, Segment
from imgtools.volumes.luks.reader import read_header
from tests.support.broken_luks import DAMAGED, SOUND, UNKNOWN
from tests.support.luks import UUID, luks1_volume, luks2_copy, luks2_volume, metadata
from tests.support.volumes import bytes_volume

SECONDS, BYTES = 5.0, 64 << 20  # what the worst of them may take


def test_luks2() -> None:
    header = read_header(bytes_volume(SOUND["both"]))
    assert header == LuksHeader(
        version=2,
        uuid=UUID,
        size=1 << 20,
        pieces=(Piece(0, 32768), Piece(32768, 258048)),
        segment=Segment(1 << 20, None, 0, "aes-xts-plain64", 512),
        key_size=64,
        memory=32 << 10,
        tokens={},
    )


def test_luks1() -> None:
    header = read_header(bytes_volume(SOUND["LUKS1"]))
    assert isinstance(header, LuksHeader)
    assert (header.version, header.uuid, header.memory) == (1, UUID, 0)
    assert header.segment == Segment(1 << 20, None, 0, "aes-xts-plain64", 512)
    assert header.pieces == (Piece(0, 592), Piece(4096, 256000))


@pytest.mark.parametrize("name", SOUND)
def test_one_sound_copy_is_enough(name: str) -> None:
    assert isinstance(read_header(bytes_volume(SOUND[name])), LuksHeader)


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_and_hostile_headers_are_named(name: str) -> None:
    content, words = DAMAGED[name]
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(BadImage, match="header is damaged") as caught:
        read_header(bytes_volume(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert words in caught.value.message and caught.value.message.startswith("/dev/sda1: ")
    assert len(caught.value.message) < 400
    assert time.process_time() - began < SECONDS and peak < BYTES


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_declined_by_name(name: str) -> None:
    content, words = UNKNOWN[name]
    found = read_header(bytes_volume(content))
    assert isinstance(found, Declined)
    assert words in found.reason


def test_there_are_enough_of_them() -> None:
    assert len(DAMAGED) >= 30


@pytest.mark.parametrize("offset", ["0", "4096"])
def test_a_detached_header_has_data_from_the_start(offset: str) -> None:
    header = read_header(bytes_volume(luks2_volume(metadata(segments__0__offset=offset))), detached=True)
    assert isinstance(header, LuksHeader)
    assert header.segment.offset == int(offset)
    one = read_header(bytes_volume(luks1_volume(payload=0)), detached=True)
    assert isinstance(one, LuksHeader) and one.segment.offset == 0


def test_the_largest_header() -> None:
    """Of 4 MiB each copy, whose second is found though the first is gone."""
    size = 4 << 20
    text = b'{"a":[' + b"[]," * 300_000 + b"[]]}"
    content = bytes(size) + luks2_copy(text, second=True, size=size)
    with pytest.raises(BadImage, match="'config' is no object"):
        read_header(bytes_volume(content))


def test_whatever_is_flipped_ends_in_an_answer() -> None:
    draw = random.Random(16)
    for volume in (SOUND["both"], SOUND["LUKS1"]):
        for _ in range(400):
            content = bytearray(volume)
            for _ in range(draw.choice((1, 3, 30))):
                content[draw.randrange(33_000)] = draw.randrange(256)
            with suppress(BadImage):
                read_header(bytes_volume(bytes(content)))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_json_says_ends_in_an_answer(seed: int) -> None:
    """Values of every kind in every place of it, with checksums that are right."""
    draw = random.Random(seed)
    values = (None, True, -1, 1.5, 1 << 70, "", "0", "x", [], {}, [1], {"a": {}}, "9" * 19, ["0"])
    for _ in range(150):
        made = metadata()
        place = made
        while True:
            name = draw.choice(sorted(place))
            if not isinstance(place[name], dict) or not place[name] or draw.random() < 0.2:
                break
            place = place[name]
        place[name] = draw.choice(values)
        with suppress(BadImage):
            read_header(bytes_volume(luks2_volume(made)))
