"""The members of a tar archive, one after the other, with the limits that an archive of a stranger needs.

Sources: POSIX.1-2017 pax, and tar.h, header.c and sparse.c of GNU tar 1.34. Python's tarfile is
not used to read: it takes headers of any size into memory, ends without a word at a header that is damaged, keeps a
record of every member, and some headers end it with errors of other kinds (docs/decisions/tar-reader.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.errors import HostError
from imgtools.records.files import DataPart

SECOND = 10**9  # nanoseconds
BLOCK = 512  # bytes; everything in an archive begins at a multiple
MOST_HEADER = 1 << 20  # bytes of an extension header: of PAX, or a long name
MOST_PARTS = 250_000  # pieces of data in one sparse file
LARGEST_ID = 0xFFFFFFFE  # the last is (uid_t) -1: nobody
LARGEST_DEVICE = (0xFFF, 0xFFFFF)  # of Linux: 12 bits of major, 20 of minor
LATEST = 1 << 63  # seconds since 1970 that a time_t holds

FILES = b"0\x007"  # letters of a header; the last is "contiguous", which nobody makes
HARD_LINK, LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"1", b"2", b"3", b"4", b"5", b"6"
DUMP_DIRECTORY, CONTINUED, SPARSE, VOLUME = b"D", b"M", b"S", b"V"
LONG_LINK, LONG_NAME, PAX, PAX_OF_SUN, PAX_FOR_ALL = b"K", b"L", b"x", b"X", b"g"
_EXTENSIONS = (LONG_LINK, LONG_NAME, PAX, PAX_OF_SUN, PAX_FOR_ALL)
_WITHOUT_CONTENT = (HARD_LINK, LINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO)
_OLD_PLACE, _OLD_PAIRS, _MORE_PAIRS = (
    386,
    4,
    21,
)  # where GNU's old sparse map begins, and its pairs in a block
VOLUMES = "of several volumes make one archive first: tar -xM, then tar -c"
XATTR = "SCHILY.xattr."  # of star; GNU tar and bsdtar write it too

Pax = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Member:
    """One member. Names are as they stand there; ``mtime`` in nanoseconds since 1970.

    ``size`` is that of the file; its content begins at byte ``offset`` of the archive, one of ``parts`` behind
    the other if it has holes.
    """

    name: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    offset: int
    target: str
    device: tuple[int, int]
    parts: tuple[DataPart, ...] | None
    attributes: tuple[tuple[str, bytes], ...]

    @property
    def is_directory(self) -> bool:
        """A file whose name ends with a slash is one: there was no letter for directories once."""
        return self.kind in (DIRECTORY, DUMP_DIRECTORY) or (self.kind in FILES and self.name.endswith("/"))


def read_members(stream: BinaryIO, size: int) -> Iterator[Member]:
    """Yield the members of a plain archive of ``size`` bytes; a volume's label is none.

    :raises HostError: a header is damaged, says what cannot be, or is too large; or the archive is cut.
    """
    return _Reader(stream, size).members()


class _Reader:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._at = 0
        self._for_all: dict[str, bytes] = {}

    def members(self) -> Iterator[Member]:
        own: Pax = {}
        names: dict[str, bytes] = {}
        while (header := self._header()) is not None:
            kind = header[156:157]
            if kind in _EXTENSIONS:
                content = self._content(_number(header[124:136], "size"))
                if kind in (LONG_NAME, LONG_LINK):
                    names["path" if kind == LONG_NAME else "linkpath"] = content.split(b"\0")[0]
                elif kind == PAX_FOR_ALL:
                    self._for_all |= parse_pax(content)
                else:
                    own = parse_pax(content)
                continue
            # What is said to be empty is as if it were not said, except for an attribute's value.
            both = {**names, **self._for_all, **own}
            said = {key: value for key, value in both.items() if value or key.startswith(XATTR)}
            member = self._member(header, kind, said)
            own, names = {}, {}
            if member.kind == CONTINUED:
                raise HostError(
                    f"{member.name} begins in the volume before this one",
                    hint=VOLUMES,
                )
            if member.kind != VOLUME:
                yield member

    # -- blocks --------------------------------------------------------------------------------------------

    def _read(self, length: int) -> bytes:
        self._stream.seek(self._at)
        found = self._stream.read(length)
        if len(found) < length:
            raise HostError(f"the archive is cut, after {self._size} bytes")
        self._at += length
        return found

    def _header(self) -> bytes | None:
        """The next header; None at the end: a block of zeros, or nothing more."""
        if self._at >= self._size:
            return None
        header = self._read(BLOCK)
        if not any(header):
            return None
        plain = header[:148] + b" " * 8 + header[156:]
        wanted = _number(header[148:156], "checksum")
        # Some programs of old add up signed bytes.
        if wanted != sum(plain) and wanted != sum(plain) - 256 * sum(byte > 127 for byte in plain):
            raise HostError(f"no header at byte {self._at - BLOCK}")
        return header

    def _content(self, size: int) -> bytes:
        """All of an extension header."""
        if not 0 <= size <= MOST_HEADER:
            raise HostError(
                f"an extension header of {size} bytes at byte {self._at - BLOCK}, more than {MOST_HEADER}"
            )
        found = self._read(-(-size // BLOCK) * BLOCK)
        return found[:size]

    # -- members -------------------------------------------------------------------------------------------

    def _member(self, header: bytes, kind: bytes, said: Pax) -> Member:
        name = _text(said.get("GNU.sparse.name", said.get("path", _name(header))))
        try:
            size, begin, parts = self._pass_content(header, kind, said)
            return Member(
                name=name,
                kind=FILES[:1] if kind == SPARSE else kind,
                mode=_number(header[100:108], "mode") & 0o7777,
                uid=_whole(said, "uid", header[108:116], LARGEST_ID),
                gid=_whole(said, "gid", header[116:124], LARGEST_ID),
                mtime=_time(said.get("mtime"), header[136:148]),
                size=size,
                offset=begin,
                target=_text(said.get("linkpath", header[157:257].split(b"\0")[0])),
                device=_device(header) if kind in (CHARACTER, BLOCK_DEVICE) else (0, 0),
                parts=parts,
                attributes=_attributes(said),
            )
        except HostError as error:
            raise HostError(f"{name[:200] or '(no name)'}: {error.message}", hint=error.hint) from None

    def _pass_content(
        self, header: bytes, kind: bytes, said: Pax
    ) -> tuple[int, int, tuple[DataPart, ...] | None]:
        """Go to the next header; returns the file's size, where its content begins, and its map of holes."""
        stored = 0 if kind in _WITHOUT_CONTENT else _whole(said, "size", header[124:136], LATEST - 1)
        size, begin, parts = stored, self._at, None
        if kind == SPARSE:
            size, parts = self._old_map(header)
        elif any(key.startswith("GNU.sparse.") for key in said):
            size, parts = self._pax_map(said, stored)
            stored -= self._at - begin
        begin = self._at
        if parts is not None and sum(one.size for one in parts) != stored:
            raise HostError("its map of holes does not fit its content")
        if begin + stored > self._size:
            raise HostError(
                f"the archive is cut: its {stored} bytes begin at byte {begin} of {self._size}", hint=VOLUMES
            )
        self._at = begin + -(-stored // BLOCK) * BLOCK
        return size, begin, parts

    # -- sparse files --------------------------------------------------------------------------------------

    def _old_map(self, header: bytes) -> tuple[int, tuple[DataPart, ...]]:
        """The map of GNU's old format: four pairs in the header, the others in blocks behind it."""
        pairs: list[int] = []
        block, place, count, more = header, _OLD_PLACE, _OLD_PAIRS, header[482]
        while True:
            for at in range(place, place + 24 * count, 24):
                if block[at] == 0:
                    break
                pairs += [_number(block[at : at + 12], "map"), _number(block[at + 12 : at + 24], "map")]
            if len(pairs) > 2 * MOST_PARTS:
                raise HostError(f"its map of holes has more than {MOST_PARTS} pieces")
            if not more:
                size = _number(header[483:495], "size")
                return size, _parts(pairs, size)
            block, place, count = self._read(BLOCK), 0, _MORE_PAIRS
            more = block[504]

    def _pax_map(self, said: Pax, stored: int) -> tuple[int, tuple[DataPart, ...]]:
        """The map of PAX: 0.0 and 0.1 keep it in the header, 1.0 before the content."""
        size = _decimal(
            said.get("GNU.sparse.realsize", said.get("GNU.sparse.size", b"")), "sparse size", LATEST - 1
        )
        version = said.get("GNU.sparse.major", b"0"), said.get("GNU.sparse.minor", b"1")
        if version == (b"1", b"0"):
            pairs = self._map_before_content(stored)
        elif version[0] == b"0":
            words = said.get("GNU.sparse.map", b"")
            pairs = [_decimal(word, "map", LATEST - 1) for word in words.split(b",")] if words else []
        else:
            raise HostError(f"sparse format {_text(version[0])[:20]} is not known")
        return size, _parts(pairs, size)

    def _map_before_content(self, stored: int) -> list[int]:
        """Numbers on lines, the first how many pairs there are, up to a multiple of a block."""
        end, rest = self._at + stored, b""
        numbers: list[int] = []
        while not numbers or len(numbers) <= 2 * numbers[0]:
            line, found, after = rest.partition(b"\n")
            if found:
                numbers.append(_decimal(line, "map", LATEST - 1))
                rest = after
                if numbers[0] > MOST_PARTS:
                    raise HostError(f"its map of holes has more than {MOST_PARTS} pieces")
            elif self._at + BLOCK > end or len(rest) > BLOCK:
                raise HostError("its map of holes is damaged")
            else:
                rest += self._read(BLOCK)
        return numbers[1:]


# -- fields ------------------------------------------------------------------------------------------------


def parse_pax(content: bytes) -> dict[str, bytes]:
    """Read the records of a PAX header: "LENGTH KEY=VALUE" and a line's end each.

    The pairs of sparse format 0.0, which repeats its keys, come as the map of 0.1.

    :raises HostError: it is damaged.
    """
    found: dict[str, bytes] = {}
    pairs: list[bytes] = []
    at = 0
    while at < len(content):
        length = re.compile(rb"[1-9][0-9]{0,6} ").match(content, at)
        end = at + int(length[0]) if length else 0
        record = content[length.end() : end] if length else b""
        key, equals, value = record[:-1].partition(b"=")
        if end > len(content) or not key or not equals or record[-1:] != b"\n":
            raise HostError(f"a damaged extension header, at its byte {at}")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            pairs.append(value)
        else:
            found[_text(key)] = value
        at = end
    if pairs:
        found["GNU.sparse.map"] = b",".join(pairs)
    return found


def _number(field: bytes, what: str) -> int:
    """A number of a header: octal, or with its first bit set binary, which may be negative."""
    if field[0] & 0x80:
        bits = 8 * len(field) - 1
        value = int.from_bytes(field, "big") & ((1 << bits) - 1)
        return value - (1 << bits) if field[0] & 0x40 else value
    text = re.fullmatch(rb" *([0-7]*)(?:[ \0].*)?", field, re.DOTALL)
    if text is None:
        raise HostError(f"its {what} is no number")
    return int(text[1] or b"0", 8)


def _decimal(text: bytes, what: str, largest: int) -> int:
    if not re.fullmatch(rb"[0-9]{1,30}", text):
        raise HostError(f"its {what} is no number: {_text(text)[:40]}")
    if (value := int(text)) > largest:
        raise HostError(f"its {what} is out of range: {value}")
    return value


def _whole(said: Pax, key: str, field: bytes, largest: int) -> int:
    """A number that PAX may say and the header else."""
    if key in said:
        return _decimal(said[key], key, largest)
    value = _number(field, key)
    if not 0 <= value <= largest:
        raise HostError(f"its {key} is out of range: {value}")
    return value


def _time(said: bytes | None, field: bytes) -> int:
    """A time in nanoseconds; what is smaller is cut off, towards the past."""
    if said is None:
        seconds, rest, sign = _number(field, "mtime"), 0, 1
    else:
        parts = re.fullmatch(rb"([+-]?)([0-9]{1,30})(?:\.([0-9]{0,100}))?", said)
        if parts is None:
            raise HostError(f"its mtime is no time: {_text(said)[:40]}")
        sign = -1 if parts[1] == b"-" else 1
        digits = parts[3] or b""
        rest = int(digits[:9].ljust(9, b"0"))
        rest += sign < 0 and any(digits[9:].strip(b"0"))
        seconds = int(parts[2])
    if not -LATEST <= sign * seconds < LATEST:
        raise HostError(f"its mtime is out of range: {sign * seconds}")
    return sign * (seconds * SECOND + rest)


def _name(header: bytes) -> bytes:
    """The name that the header itself has; that of POSIX in two pieces."""
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _device(header: bytes) -> tuple[int, int]:
    device = _number(header[329:337], "device"), _number(header[337:345], "device")
    if any(not 0 <= one <= most for one, most in zip(device, LARGEST_DEVICE, strict=True)):
        raise HostError(f"its device number is out of range: {device[0]}, {device[1]}")
    return device


def _parts(pairs: Sequence[int], size: int) -> tuple[DataPart, ...]:
    """The map as parts of data; of nothing none is left."""
    if len(pairs) % 2 or len(pairs) > 2 * MOST_PARTS:
        raise HostError("its map of holes is damaged")
    found: list[DataPart] = []
    end = 0
    for at, length in zip(pairs[::2], pairs[1::2], strict=True):
        if not end <= at <= at + length <= size:
            raise HostError("its map of holes is damaged")
        end = at + length
        if length:
            found.append(DataPart(at, length))
    return tuple(found)


def _text(raw: bytes) -> str:
    if b"\0" in raw:
        raise HostError("a member's name or target holds a NUL")
    return raw.decode("utf-8", "surrogateescape")


def _attributes(said: Pax) -> tuple[tuple[str, bytes], ...]:
    return tuple((key.removeprefix(XATTR), value) for key, value in said.items() if key.startswith(XATTR))
