"""Members of md arrays made by hand: a superblock with its checksum over a disk of zeros or of what is given."""

from __future__ import annotations

import struct

MAGIC = 0xA92B4EFC
MEMBER = 2 << 20  # bytes of a member
START = 1 << 20  # of its data, version 1.2


def member(
    role: int,
    *,
    level: int = 1,
    wanted: int = 2,
    content: bytes = b"",
    at: int = 4096,
    events: int = 9,
    layout: int = 0,
    chunk: int = 64 << 10,
    name: bytes = b"host:data",
    features: int = 0,
    roles: tuple[int, ...] | None = None,
    uuid: bytes = bytes(range(16)),
    size: int = MEMBER,
    used: int | None = None,
) -> bytearray:
    """A member of version 1: 1.2 at 4096, 1.1 at 0, 1.0 near the end."""
    start = 0 if at > 4096 else START
    room = (at if at > 4096 else size) - start
    raw = bytearray(size)
    raw[start : start + len(content)] = content
    roles = tuple(range(wanted)) if roles is None else roles
    head = bytearray(256 + 2 * len(roles))
    struct.pack_into("<III", head, 0, MAGIC, 1, features)
    head[16:32], head[32 : 32 + len(name)] = uuid, name
    struct.pack_into(
        "<iIQII", head, 72, level, layout, (room if used is None else used) // 512, chunk // 512, wanted
    )
    struct.pack_into("<QQQ", head, 128, start // 512, room // 512, at // 512)
    struct.pack_into("<QI", head, 152, 0xFFFFFFFFFFFFFFFF, role)
    struct.pack_into("<QQ", head, 200, events, 0xFFFFFFFFFFFFFFFF)
    struct.pack_into("<I", head, 220, len(roles))
    struct.pack_into(f"<{len(roles)}H", head, 256, *roles)
    raw[at : at + len(head)] = with_checksum(head)
    return raw


def with_checksum(head: bytearray) -> bytearray:
    """A superblock of version 1 with the checksum that it should have (calc_sb_1_csum)."""
    (most,) = struct.unpack_from("<I", head, 220)
    covered = bytearray(head[: 256 + 2 * min(most, 1920)])
    covered[216:220] = bytes(4)
    covered += bytes(-len(covered) % 4)
    struct.pack_into("<I", head, 216, folded(covered))
    return head


def folded(covered: bytes) -> int:
    """The sum of all words, with its carry."""
    total = sum(struct.unpack(f"<{len(covered) // 4}I", covered))
    return (total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF


def old_member(
    role: int,
    *,
    level: int = 1,
    wanted: int = 2,
    size: int = MEMBER,
    state: int = 6,
    content: bytes = b"",
) -> bytearray:
    """A member of version 0.90."""
    raw, at = bytearray(size), (size & ~0xFFFF) - 0x10000
    raw[: len(content)] = content
    words = [0] * 1024
    words[0], words[1], words[2], words[5] = MAGIC, 0, 90, 0x01020304
    words[7], words[8], words[10], words[39] = level & 0xFFFFFFFF, at // 1024, wanted, 9
    words[65], words[992], words[992 + 3], words[992 + 4] = 64 << 10, role, role, state
    raw[at : at + 4096] = struct.pack("<1024I", *words)
    words[38] = folded(bytes(raw[at : at + 4096]))
    raw[at : at + 4096] = struct.pack("<1024I", *words)
    return raw
