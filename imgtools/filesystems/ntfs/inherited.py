"""The security descriptor of a new file of NTFS: what the folder that it is made in hands down, as Windows makes it.

ntfs-3g gives what it makes to everybody. Source: [MS-DTYP], "Algorithm for Creating a Security Descriptor" (2.5.3.4),
"SECURITY_DESCRIPTOR" (2.4.6), "ACL" (2.4.5), "ACE_HEADER" (2.4.4.1), "ACCESS_MASK" (2.4.3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

ACL_NAME = "system.ntfs_acl"  # the extended attribute in which ntfs-3g has a file's descriptor
DESCRIPTOR = struct.Struct("<BxHIIII")  # revision, control, and where owner, group, SACL and DACL begin
ACL = struct.Struct("<BxHHxx")  # revision, size, number of entries
HEADER = struct.Struct("<BBH")  # type, flags, size of an entry
DACL_PRESENT, DACL_AUTO_INHERITED, SELF_RELATIVE = 0x0004, 0x0400, 0x8000
TO_FILES, TO_FOLDERS, NOT_FURTHER, NOT_HERE, INHERITED = 0x01, 0x02, 0x04, 0x08, 0x10
LONGEST = 64 << 10  # bytes of a descriptor that is looked at; an ACL has at most 65,535
PLAIN = (0x00, 0x01)  # types whose entries are a mask and a SID: allowed, denied
# Of files: what the generic rights GENERIC_READ, WRITE, EXECUTE and ALL stand for ("File Access Rights Constants").
GENERIC = {0x80000000: 0x120089, 0x40000000: 0x120116, 0x20000000: 0x1200A0, 0x10000000: 0x1F01FF}
EVERYTHING = 0x1F01FF


def _sid(*numbers: int) -> bytes:
    """A SID ([MS-DTYP], 2.4.2.2) with an authority of one byte."""
    return struct.pack(f"<BB5xB{len(numbers) - 1}I", 1, len(numbers) - 1, *numbers)


SYSTEM, ADMINISTRATORS = _sid(5, 18), _sid(5, 32, 544)
# What stands for whoever makes a file, and his group.
CREATORS = {_sid(3, 0): ADMINISTRATORS, _sid(3, 1): ADMINISTRATORS}


class _Entry(NamedTuple):
    type: int
    flags: int
    body: bytes  # in a plain entry the mask, and the SID

    @property
    def raw(self) -> bytes:
        return HEADER.pack(self.type, self.flags, HEADER.size + len(self.body)) + self.body

    def here(self) -> _Entry:
        """This entry as it counts for one file: whose it is, and what generic rights are of a file."""
        if self.type not in PLAIN or len(self.body) < 4:
            return self._replace(flags=INHERITED)
        (mask,) = struct.unpack_from("<I", self.body)
        for generic, rights in GENERIC.items():
            mask = mask & ~generic | rights if mask & generic else mask
        sid = self.body[4:]
        return self._replace(flags=INHERITED, body=struct.pack("<I", mask) + CREATORS.get(sid, sid))


def inherited(parent: bytes, *, is_folder: bool) -> bytes:
    """Return the descriptor of what is made in a folder: the administrators', with what the folder hands down.

    A folder that hands nothing down, or whose descriptor makes no sense, leaves it to the system and administrators.

    :param parent: the folder's own descriptor.
    """
    entries = [raw for one in _entries(parent) for raw in _handed_down(one, is_folder=is_folder)]
    if not entries:
        own = TO_FILES | TO_FOLDERS if is_folder else 0
        entries = [_Entry(0, own, struct.pack("<I", EVERYTHING) + sid) for sid in (SYSTEM, ADMINISTRATORS)]
    raw = b"".join(one.raw for one in entries)
    acl = ACL.pack(_revision(entries), ACL.size + len(raw), len(entries)) + raw
    owner = DESCRIPTOR.size + len(acl)
    control = SELF_RELATIVE | DACL_PRESENT | DACL_AUTO_INHERITED
    head = DESCRIPTOR.pack(1, control, owner, owner + len(ADMINISTRATORS), 0, DESCRIPTOR.size)
    return head + acl + ADMINISTRATORS + ADMINISTRATORS


def _revision(entries: list[_Entry]) -> int:
    """Of the ACL: 4 if it has entries about one kind of object, else 2."""
    return 4 if any(one.type in (0x05, 0x06, 0x0B, 0x0C) for one in entries) else 2


def _entries(descriptor: bytes) -> Iterator[_Entry]:
    if len(descriptor) < DESCRIPTOR.size:
        return
    _, control, _, _, _, start = DESCRIPTOR.unpack_from(descriptor)
    if not control & DACL_PRESENT or not start or start + ACL.size > len(descriptor):
        return
    _, size, count = ACL.unpack_from(descriptor, start)
    place, end = start + ACL.size, min(start + size, len(descriptor))
    for _ in range(count):
        if place + HEADER.size > end:
            return
        type_, flags, length = HEADER.unpack_from(descriptor, place)
        if length < HEADER.size or place + length > end:
            return
        yield _Entry(type_, flags, descriptor[place + HEADER.size : place + length])
        place += length


def _handed_down(entry: _Entry, *, is_folder: bool) -> Iterator[_Entry]:
    flags = entry.flags
    if not is_folder:
        if flags & TO_FILES:
            yield entry.here()
        return
    further = 0 if flags & NOT_FURTHER else flags & (TO_FILES | TO_FOLDERS)
    here = entry.here()
    if flags & TO_FOLDERS and here.body == entry.body:  # one entry says both
        yield here._replace(flags=INHERITED | further)
        return
    if flags & TO_FOLDERS:
        yield here
    if further:
        yield entry._replace(flags=INHERITED | NOT_HERE | further)
