"""Tar archives made by hand: what no program would write, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

BLOCK = 512
END = bytes(2 * BLOCK)


def header(
    name: bytes | str, kind: bytes = b"0", size: bytes | int = 0, **fields: bytes | int | str
) -> bytes:
    """One header with its checksum. A number is written in octal; bytes go in as they are.

    ``gnu`` in the place of the magic makes one of GNU's old format.
    """
    raw = bytearray(BLOCK)
    given: dict[str, bytes | int | str] = {
        "name": name, "mode": 0o644, "uid": 0, "gid": 0, "size": size, "mtime": 0, "kind": kind,
        "magic": b"ustar\x0000", **fields,
    }  # fmt: skip
    for field, value in given.items():
        at, length = FIELDS[field]
        if isinstance(value, int):
            value = b"%0*o" % (length - 1, value)
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        assert len(value) <= length, field
        raw[at : at + len(value)] = value
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12),
    "kind": (156, 1), "target": (157, 100), "magic": (257, 8), "uname": (265, 32), "gname": (297, 32),
    "major": (329, 8), "minor": (337, 8), "prefix": (345, 155), "map": (386, 97), "realsize": (483, 12),
}  # fmt: skip
GNU = b"ustar  \0"


def padded(content: bytes) -> bytes:
    """Content up to the end of its last block."""
    return content + bytes(-len(content) % BLOCK)


def member(
    name: bytes | str, kind: bytes = b"0", content: bytes = b"", pax: Mapping[str, bytes | str] | None = None,
    **fields: bytes | int | str,
) -> bytes:  # fmt: skip
    """A member with its content, a PAX header before it if there is something to say."""
    before = pax_header(pax) if pax else b""
    return before + header(name, kind, **{"size": len(content), **fields}) + padded(content)


def pax_header(
    records: Mapping[str, bytes | str] | Iterable[tuple[str, bytes | str]], kind: bytes = b"x"
) -> bytes:
    """An extension header with these records."""
    content = b"".join(
        record(key, value) for key, value in (records.items() if isinstance(records, Mapping) else records)
    )
    return header("./PaxHeaders/x", kind, len(content)) + padded(content)


def record(key: str, value: bytes | str) -> bytes:
    """One record, its own length before it."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    rest = b" " + key.encode() + b"=" + raw + b"\n"
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def binary(value: int, length: int) -> bytes:
    """A number in base 256, as GNU tar writes those that octal digits do not hold."""
    mark = 1 << (8 * length - 1)
    return (value & (mark - 1) | mark).to_bytes(length, "big")


def pairs(*numbers: int) -> bytes:
    """Numbers of a sparse map in GNU's old format."""
    return b"".join(b"%011o\0" % one for one in numbers)
