"""Tables of other machines are named; a disk that has one is not said to have none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from imgtools.volumes.partitions import read_disk
from tests.support.volumes import bytes_volume, tool

SIZE = 1 << 20
BSD = b"\x57\x45\x56\x82"


def table_of(marks: Mapping[int, bytes]) -> str:
    content = bytearray(SIZE)
    for at, mark in marks.items():
        content[at : at + len(mark)] = mark
    found = read_disk(bytes_volume(bytes(content)), "/dev/sda")
    assert not found.partitions
    return found.foreign_table or found.table


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ({}, ""),
        ({510: b"\x55\xaa"}, "dos"),
        ({508: b"\xda\xbe", 0: b"\xda\xbe"}, "sun"),
        ({508: b"\xda\xbe"}, ""),  # its words do not come to zero
        ({512: BSD, 644: BSD}, "bsd"),
        ({64: BSD, 196: BSD}, "bsd"),
        ({512: BSD, 644: BSD, 510: b"\x55\xaa"}, "bsd"),  # it boots a PC
        ({512: BSD}, ""),
        ({8192: b"\xe5\xd6\xd3\xf1"}, "dasd"),
        ({1024: b"\xd3\xd5\xe7\xf1"}, "dasd"),
        ({0: b"\x0b\xe5\xa9\x41"}, "sgi"),
        ({0: b"ER", 512: b"PM"}, "mac"),
        ({0: b"\xc9\xc2\xd4\xc1"}, "aix"),
        ({15 * 512: b"RDSK"}, "amiga"),
        ({16 * 512: b"RDSK"}, ""),
    ],
)
def test_a_table_is_told_by_its_marks(marks: Mapping[int, bytes], name: str) -> None:
    assert table_of(marks) == name


@pytest.mark.host
def test_what_sfdisk_makes(tmp_path: Path) -> None:
    image = tmp_path / "sun.raw"
    image.write_bytes(bytes(64 << 20))
    tool("sfdisk", "-q", image, stdin="label: sun\n, 30M\n")
    assert read_disk(bytes_volume(image.read_bytes()), "/dev/sda").foreign_table == "sun"
