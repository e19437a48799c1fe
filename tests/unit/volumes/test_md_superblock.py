"""What a member says of its array, where its superblock lies, and what is no superblock."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import BadImage
from imgtools.volumes.md_superblock import read_md_member
from tests.support.md import MEMBER, START, member, old_member, with_checksum
from tests.support.volumes import bytes_volume

AT_END = MEMBER - 8192


def read(raw: bytes | bytearray) -> object:
    return read_md_member(bytes_volume(bytes(raw)))


@pytest.mark.parametrize(("at", "version"), [(4096, "1.2"), (0, "1.1"), (AT_END, "1.0")])
def test_a_member_of_an_array(at: int, version: str) -> None:
    found = read_md_member(bytes_volume(bytes(member(1, at=at))))
    assert found is not None
    assert (found.uuid, found.name, found.level, found.wanted, found.role, found.events) == (
        bytes(range(16)).hex(), "host:data", 1, 2, 1, 9,
    )  # fmt: skip
    assert (found.version, found.start, found.room) == (
        version,
        *((0, AT_END) if at > 4096 else (START, START)),
    )
    assert not found.problem


def test_an_older_member_of_an_array() -> None:
    found = read_md_member(bytes_volume(bytes(old_member(1))))
    assert found is not None and (found.level, found.wanted, found.role, found.events) == (1, 2, 1, 9)
    assert found.uuid == "01020304" + "0" * 24
    assert (found.version, found.start, found.room) == ("0.90", 0, MEMBER - 0x10000)


@pytest.mark.parametrize("state", [0, 2, 4 | 1])
def test_an_older_member_that_is_faulty_or_behind_has_no_place(state: int) -> None:
    found = read_md_member(bytes_volume(bytes(old_member(1, state=state))))
    assert found is not None and found.role == -1


@pytest.mark.parametrize("role", [0xFFFD, 0xFFFE, 0xFFFF])
def test_a_spare_has_no_place(role: int) -> None:
    found = read_md_member(bytes_volume(bytes(member(1, roles=(0, role)))))
    assert found is not None and found.role == -1


@pytest.mark.parametrize("features", [2, 16])
def test_what_is_being_filled_has_no_place(features: int) -> None:
    raw = member(1, features=features)
    struct.pack_into("<Q", raw, 4096 + 152, 100)
    raw[4096:] = with_checksum(raw[4096:])
    found = read_md_member(bytes_volume(bytes(raw)))
    assert found is not None and found.role == -1


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        (4, "it is being reshaped"),
        (64, "it is being reshaped"),
        (8, "bad blocks are noted on one of its members"),
        (0x200, "it has a journal, which may hold what is not on the members yet"),
        (0x2000, "its superblock has features that are not known here (0x2000)"),
        (1, ""),
        (0x400, ""),
    ],
)
def test_what_is_left_to_the_kernel(features: int, problem: str) -> None:
    found = read_md_member(bytes_volume(bytes(member(0, features=features))))
    assert found is not None and (found.problem, found.damaged) == (problem, False)


def test_a_superblock_of_another_place() -> None:
    raw = member(0)
    struct.pack_into("<Q", raw, 4096 + 144, 0)
    raw[4096:] = with_checksum(raw[4096:])
    found = read_md_member(bytes_volume(bytes(raw)))
    assert found is not None and found.problem == "its superblock was made for another place"


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (220, 5000, "its superblock has 5000 members"),
        (128, 1 << 40, "does not fit on it"),
        (136, 1 << 40, "does not fit on it"),
        (136, 1, "its data of 512 bytes at 1048576 does not fit on it"),
    ],
)
def test_numbers_that_fit_no_member(place: int, value: int, problem: str) -> None:
    raw = member(0)
    struct.pack_into("<I" if place == 220 else "<Q", raw, 4096 + place, value)
    raw[4096:] = with_checksum(raw[4096:])
    found = read_md_member(bytes_volume(bytes(raw)))
    assert found is not None and found.damaged and problem in found.problem


@pytest.mark.parametrize("raw", [member(0), old_member(0)])
def test_a_damaged_superblock_is_not_believed(raw: bytearray) -> None:
    raw[(MEMBER & ~0xFFFF) - 0x10000 + 150 if raw[4096] == 0 else 4096 + 80] ^= 1
    found = read_md_member(bytes_volume(bytes(raw)))
    assert found is not None and found.damaged
    assert found.problem == "its superblock does not have its checksum"


def test_the_superblocks_of_two_arrays() -> None:
    raw, other = member(0), member(0, at=AT_END, uuid=b"B" * 16)
    raw[AT_END:] = other[AT_END:]
    found = read_md_member(bytes_volume(bytes(raw)))
    assert found is not None and found.problem == "it has the superblocks of several arrays"


def test_a_disk_without_one() -> None:
    assert read(bytes(MEMBER)) is None
    assert read(b"") is None


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8), st.booleans())
def test_no_bytes_make_it_fail(changes: list[tuple[int, int]], is_right: bool) -> None:
    raw = member(0)
    for place, value in changes:
        raw[4096 + place] = value
    if is_right:
        raw[4096:] = with_checksum(raw[4096:])
    try:
        read(raw)
    except BadImage:
        pass
