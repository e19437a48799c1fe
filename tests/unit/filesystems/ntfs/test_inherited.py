"""Security descriptors of new files: what each kind of entry of the folder becomes."""

from __future__ import annotations

import struct

import pytest

from imgtools.filesystems.ntfs.inherited import ADMINISTRATORS, SYSTEM, inherited

FILES, FOLDERS, NOT_FURTHER, NOT_HERE, INHERITED = 1, 2, 4, 8, 16
ALL, READ = 0x1F01FF, 0x1200A9
USERS = struct.pack("<BB5xB2I", 1, 2, 5, 32, 545)
CREATOR = struct.pack("<BB5xBI", 1, 1, 3, 0)
EVERYONE = struct.pack("<BB5xBI", 1, 1, 1, 0)
Entry = tuple[int, int, int, bytes]  # type, flags, mask, SID


def descriptor(*entries: Entry, control: int = 0x8004) -> bytes:
    raw = b"".join(
        struct.pack("<BBHI", type_, flags, 8 + len(sid), mask) + sid for type_, flags, mask, sid in entries
    )
    acl = struct.pack("<BxHHxx", 2, 8 + len(raw), len(entries)) + raw
    return struct.pack("<BxHIIII", 1, control, 20 + len(acl), 20 + len(acl), 0, 20) + acl + USERS


def entries(made: bytes) -> list[Entry]:
    revision, control, owner, group, sacl, start = struct.unpack_from("<BxHIIII", made)
    assert (revision, control, sacl) == (1, 0x8404, 0)
    assert made[owner:group] == made[group:] == ADMINISTRATORS
    _, size, count = struct.unpack_from("<BxHHxx", made, start)
    assert start + size == owner
    found, place = [], start + 8
    for _ in range(count):
        type_, flags, length, mask = struct.unpack_from("<BBHI", made, place)
        found.append((type_, flags, mask, made[place + 8 : place + length]))
        place += length
    assert place == owner
    return found


@pytest.mark.parametrize(
    ("entry", "file", "folder"),
    [
        ((0, FILES | FOLDERS, READ, USERS), [(0, INHERITED, READ, USERS)], [(0, 19, READ, USERS)]),
        ((1, FILES | FOLDERS, READ, USERS), [(1, INHERITED, READ, USERS)], [(1, 19, READ, USERS)]),
        ((0, FILES, READ, USERS), [(0, INHERITED, READ, USERS)], [(0, 16 | 8 | 1, READ, USERS)]),
        ((0, FOLDERS, READ, USERS), [], [(0, 16 | 2, READ, USERS)]),
        ((0, FILES | FOLDERS | NOT_FURTHER, READ, USERS), [(0, 16, READ, USERS)], [(0, 16, READ, USERS)]),
        ((0, FILES | NOT_FURTHER, READ, USERS), [(0, 16, READ, USERS)], []),
        ((0, FILES | FOLDERS | NOT_HERE, READ, USERS), [(0, 16, READ, USERS)], [(0, 19, READ, USERS)]),
        ((0, FILES | FOLDERS | INHERITED, READ, USERS), [(0, 16, READ, USERS)], [(0, 19, READ, USERS)]),
        ((0, 0, ALL, EVERYONE), [], []),
        # Who makes a file is not who made its folder; generic rights are of the file.
        (
            (0, FILES | FOLDERS | NOT_HERE, 0x10000000, CREATOR),
            [(0, INHERITED, ALL, ADMINISTRATORS)],
            [(0, INHERITED, ALL, ADMINISTRATORS), (0, 16 | 8 | 3, 0x10000000, CREATOR)],
        ),
        ((0, FILES, 0xA0000000, USERS), [(0, INHERITED, READ, USERS)], [(0, 25, 0xA0000000, USERS)]),
    ],
)
def test_what_an_entry_becomes(entry: Entry, file: list[Entry], folder: list[Entry]) -> None:
    """Beside another entry, which always comes, so that the folder hands something down."""
    always: Entry = (0, FILES | FOLDERS, ALL, SYSTEM)
    parent = descriptor(always, entry)
    assert entries(inherited(parent, is_folder=False)) == [(0, INHERITED, ALL, SYSTEM), *file]
    assert entries(inherited(parent, is_folder=True)) == [(0, 19, ALL, SYSTEM), *folder]


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"x" * 19,
        b"\xff" * 64,
        descriptor(),
        descriptor((0, 0, ALL, EVERYONE)),
        descriptor((0, 3, ALL, EVERYONE), control=0x8000),
        descriptor((0, 3, ALL, EVERYONE))[:30],
    ],
)
def test_what_hands_nothing_down_is_for_the_system_and_administrators(parent: bytes) -> None:
    assert entries(inherited(parent, is_folder=False)) == [(0, 0, ALL, SYSTEM), (0, 0, ALL, ADMINISTRATORS)]
    assert entries(inherited(parent, is_folder=True)) == [(0, 3, ALL, SYSTEM), (0, 3, ALL, ADMINISTRATORS)]


def test_entries_of_other_kinds_are_kept_as_they_are() -> None:
    """A callback entry: mask, SID, and a condition that nobody here understands."""
    body = struct.pack("<I", 0x10000000) + CREATOR + b"artx\0\0\0\0"
    raw = struct.pack("<BBH", 9, FILES | FOLDERS, 4 + len(body)) + body
    acl = struct.pack("<BxHHxx", 2, 8 + len(raw), 1) + raw
    made = inherited(struct.pack("<BxHIIII", 1, 0x8004, 0, 0, 0, 20) + acl, is_folder=False)
    assert body in made and made.count(CREATOR) == 1
