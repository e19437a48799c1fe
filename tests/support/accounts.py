"""Local accounts of a Windows as its SAM stores them: the values F and V, with what can be said of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from tests.support.hives import Data, Keys

NORMAL, DISABLED, LOCKED = 0x0010, 0x0001, 0x0400
NO_PASSWORD = bytes.fromhex("0100020000000000") + bytes(16)  # an AES record without a hash: 24 bytes
PASSWORD = bytes.fromhex("0100020010000000") + bytes(range(16)) + bytes(range(32))  # with one: 56 bytes


def facts(rid: int, *, flags: int = NORMAL, failed: int = 0, logons: int = 7) -> bytes:
    """The value F: 80 bytes."""
    made = bytearray(bytes.fromhex("0300010000000000").ljust(80, b"\0"))
    struct.pack_into("<Q", made, 0x20, 0x7FFF_FFFF_FFFF_FFFF)  # never expires
    struct.pack_into("<IIHHIHH", made, 0x30, rid, 513, flags, 0, 0, failed, logons)
    return bytes(made)


def words(name: str, *, hashed: bytes = PASSWORD, full_name: str = "") -> bytes:
    """The value V: 17 entries of offset, length and a word, then what they say."""
    texts = {1: name.encode("utf-16-le"), 2: full_name.encode("utf-16-le")}
    parts = {
        0: b"\1\0\x14\x80" + bytes(16),
        **texts,
        13: NO_PASSWORD,
        14: hashed,
        15: NO_PASSWORD,
        16: NO_PASSWORD,
    }
    head, body = b"", b""
    for index in range(17):
        part = parts.get(index, b"")
        head += struct.pack("<III", len(body), len(part), 1 if index == 0 else 0)
        body += part + bytes(-len(part) % 4)
    return head + body


def sam_keys(*accounts: tuple[int, str, bytes, bytes]) -> Keys:
    """The keys of a SAM with these accounts: id, name, F, V."""
    users = r"SAM\Domains\Account\Users"
    keys: dict[str, Mapping[str, Data]] = {
        r"SAM\Domains\Account": {"F": bytes(240), "V": bytes(24) + struct.pack("<III", 1, 2, 3)},
        r"SAM\Domains\Builtin\Aliases": {},
    }
    for rid, name, known, said in accounts:
        keys[rf"{users}\{rid:08X}"] = {"F": known, "V": said}
        keys[rf"{users}\Names\{name}"] = {"": (rid, b"")}
    return keys
