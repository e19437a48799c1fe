"""Registry hives for tests, made in milliseconds: keys and values from a dict, written by hivex."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence

import hivex

from fixtures.hives import empty
from imgtools.engine.hive_log import BASE_BLOCK, SECTOR, checksum, marvin32

Data = str | int | bytes | Sequence[str] | tuple[int, bytes]
Keys = Mapping[str, Mapping[str, Data]]


def typed(data: Data) -> tuple[int, bytes]:
    """The type and bytes of a value: str is SZ, int DWORD, bytes BINARY, a list MULTI_SZ; a pair is itself."""
    if isinstance(data, str):
        return 1, (data + "\0").encode("utf-16-le")
    if isinstance(data, int):
        return 4, data.to_bytes(4, "little")
    if isinstance(data, bytes):
        return 3, data
    if isinstance(data, tuple):
        return data
    return 7, ("".join(f"{one}\0" for one in data) + "\0").encode("utf-16-le")


def make_hive(keys: Keys, name: str = "SYSTEM") -> bytes:
    """A clean hive with these keys: path (``Select``, ``A\\B``) to values."""
    descriptor = os.memfd_create("hive")
    path = f"/proc/self/fd/{descriptor}"
    try:
        os.write(descriptor, empty(name))
        handle = hivex.Hivex(path, write=True)
        for key, values in keys.items():
            node = handle.root()
            for part in [one for one in key.split("\\") if one]:
                node = handle.node_get_child(node, part) or handle.node_add_child(node, part)
            pairs = [(value, *typed(data)) for value, data in values.items()]
            handle.node_set_values(node, [{"key": k, "t": t, "value": v} for k, t, v in pairs])
        handle.commit(path)
        del handle
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def with_class(hive: bytes, name: str, text: str) -> bytes:
    """The hive, in which the key of that name has a class; hivex can make none. The cell is in a bin at the end."""
    made = bytearray(hive)
    at = made.find(name.encode("ascii"))
    while made[at - 76 : at - 74] != b"nk":
        at = made.find(name.encode("ascii"), at + 1)
    length, used = struct.unpack_from("<I", made, 40)[0], text.encode("utf-16-le")
    del made[BASE_BLOCK + length :]
    cell = -(-(4 + len(used)) // 8) * 8
    made += struct.pack("<4sIIIIQI", b"hbin", length, 4096, 0, 0, 0, 0)
    made += struct.pack("<i", -cell) + used.ljust(cell - 4, b"\0")
    made += struct.pack("<i", 4096 - 32 - cell) + bytes(4096 - 32 - cell - 4)
    struct.pack_into("<I", made, at - 76 + 48, length + 32)
    struct.pack_into("<H", made, at - 76 + 74, len(used))
    struct.pack_into("<I", made, 40, length + 4096)
    struct.pack_into("<I", made, 508, checksum(bytes(made)))
    return bytes(made)


def with_sequences(hive: bytes, primary: int, secondary: int) -> bytes:
    """The hive with other sequence numbers (different ones: not closed cleanly) and a right checksum."""
    head = bytearray(hive[:SECTOR])
    struct.pack_into("<II", head, 4, primary, secondary)
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    return bytes(head) + hive[SECTOR:]


def new_log(before: bytes, after: bytes, sequence: int) -> bytes:
    """A .LOG1 as Windows 8.1 and later write it: one entry that turns the hive ``before`` into ``after``."""
    head = bytearray(with_sequences(before, sequence, sequence)[:SECTOR])
    struct.pack_into("<I", head, 28, 6)
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    return bytes(head) + log_entry(before, after, sequence)


def log_entry(before: bytes, after: bytes, sequence: int) -> bytes:
    """One HvLE entry with the pages in which two hives differ."""
    old, new = before[BASE_BLOCK:], after[BASE_BLOCK:]
    offsets = [at for at in range(0, len(new), 4096) if old[at : at + 4096] != new[at : at + 4096]]
    references = b"".join(struct.pack("<II", at, 4096) for at in offsets)
    body = references + b"".join(new[at : at + 4096] for at in offsets)
    size = -(-(40 + len(body)) // SECTOR) * SECTOR
    body = body.ljust(size - 40, b"\0")
    start = struct.pack("<4s5I", b"HvLE", size, 0, sequence, len(new), len(offsets))
    start += struct.pack("<Q", marvin32(body))
    return start + struct.pack("<Q", marvin32(start)) + body


def old_log(before: bytes, after: bytes, sequence: int) -> bytes:
    """A .LOG as Windows before 8.1 writes it: a bitmap of dirty sectors, then those sectors."""
    head = bytearray(with_sequences(after, sequence, sequence)[:SECTOR])
    struct.pack_into("<I", head, 28, 1)
    head[12:20] = before[12:20]
    struct.pack_into("<I", head, 508, checksum(bytes(head)))
    old, new = before[BASE_BLOCK:], after[BASE_BLOCK:]
    bitmap, sectors = bytearray(len(new) // SECTOR // 8), b""
    for at in range(0, len(new), SECTOR):
        if old[at : at + SECTOR] != new[at : at + SECTOR]:
            bitmap[at // SECTOR // 8] |= 1 << (at // SECTOR % 8)
            sectors += new[at : at + SECTOR]
    vector = b"DIRT" + bytes(bitmap)
    return bytes(head) + vector.ljust(-(-len(vector) // SECTOR) * SECTOR, b"\0") + sectors
