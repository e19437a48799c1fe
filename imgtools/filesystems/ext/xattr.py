"""Extended attributes of ext2, ext3 and ext4.

Source: Linux, Documentation/filesystems/ext4/attributes.rst and fs/ext4/xattr.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from imgtools.filesystems.acl import acl_from_ext

MAGIC = 0xEA020000
BLOCK_HEADER = 32
ENTRY = struct.Struct("<BBHIII")  # name_len name_index value_offs value_inum value_size hash
PREFIXES = {
    1: "user.",
    2: "system.posix_acl_access",
    3: "system.posix_acl_default",
    4: "trusted.",
    6: "security.",
    7: "system.",
    8: "system.richacl",
}
ACLS = {2, 3}
LONGEST_VALUE = 65536  # XATTR_SIZE_MAX


class BadAttributes(Exception):
    """The attributes do not hold together."""


class Attribute(NamedTuple):
    """One attribute as it is stored: ``inode`` holds the value when it is not 0."""

    name: str
    value: bytes
    inode: int
    size: int
    is_acl: bool


def parse_attributes(raw: bytes, *, in_inode: bool) -> Iterator[Attribute]:
    """Yield the attributes in the tail of an inode, or in an attribute block.

    :raises BadAttributes: something points outside.
    """
    if len(raw) < 4 or int.from_bytes(raw[:4], "little") != MAGIC:
        if in_inode or not any(raw[:4]):
            return
        raise BadAttributes("no magic number")
    at = 4 if in_inode else BLOCK_HEADER
    values_at = at if in_inode else 0
    while at + ENTRY.size <= len(raw) and any(raw[at : at + 4]):
        name_length, prefix, offset, inode, size, _hash = ENTRY.unpack_from(raw, at)
        name = raw[at + ENTRY.size : at + ENTRY.size + name_length]
        start = values_at + offset
        if len(name) < name_length or size > LONGEST_VALUE or (not inode and start + size > len(raw)):
            raise BadAttributes(f"entry at {at}")
        value = b"" if inode else raw[start : start + size]
        text = PREFIXES.get(prefix, f"unknown{prefix}.") + name.decode("utf-8", "surrogateescape")
        yield Attribute(text, value, inode, size, prefix in ACLS)
        at += ENTRY.size + (name_length + 3) // 4 * 4


def attribute_values(
    attributes: Iterator[Attribute], read_inode: Callable[[int, int], bytes]
) -> dict[str, bytes]:
    """Names and values, as getxattr gives them. ``read_inode(number, size)`` reads a value kept in an inode."""
    values = {}
    for attribute in attributes:
        value = read_inode(attribute.inode, attribute.size) if attribute.inode else attribute.value
        values[attribute.name] = acl_from_ext(value) if attribute.is_acl else value
    return values
