"""What the header of an encrypted volume says, LUKS1 or LUKS2 alike: where the data lies, and how it is encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imgtools.errors import BadImage

MAGIC = b"LUKS\xba\xbe"  # of both versions, and of LUKS2's first copy
SECTOR = 512  # bytes; dm-crypt counts in these whatever the size of its own sectors is
MOST_KEY_BYTES = 128  # of a volume key: XTS with two keys of 256 bits takes 64

RESTORE = (
    "`cryptsetup luksHeaderRestore` puts a backup of it back; without the key, other volumes can be read"
)


class Segment(NamedTuple):
    """The encrypted data: ``size`` None is as far as its device goes.

    :param iv_tweak: what is added to the number of a sector to make its initialisation vector.
    :param cipher: in dm-crypt's words: ``aes-xts-plain64``.
    """

    offset: int
    size: int | None
    iv_tweak: int
    cipher: str
    sector_size: int


class Piece(NamedTuple):
    """A stretch of the header: without it no key can be tried."""

    offset: int
    length: int


class LuksHeader(NamedTuple):
    """A header that was found sound.

    :param size: bytes of the header with its key slots, data not included.
    :param pieces: what of those bytes has a meaning.
    :param key_size: bytes of the volume key.
    :param memory: bytes that the dearest key slot takes to be tried.
    :param tokens: of LUKS2, by their number: what else than a passphrase leads to a key.
    """

    version: int
    uuid: str
    size: int
    pieces: tuple[Piece, ...]
    segment: Segment
    key_size: int
    memory: int
    tokens: Mapping[str, Mapping[str, object]]


def damaged(device: str, version: int, reason: str) -> BadImage:
    """Return the error that a header cannot be right."""
    return BadImage(f"{device}: its LUKS{version} header is damaged: {reason}", hint=RESTORE)


def text_of(field: bytes) -> str:
    """Return a field of a header that is ended by NUL, or full."""
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")
