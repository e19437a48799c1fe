"""Decrypts sectors as dm-crypt does, by the host's libcrypto (OpenSSL); the kernel's dm-crypt.rst says how.

libcrypto is called by ctypes: one context is set up for each reading, and gets only another initialisation vector for
each sector, which costs a microsecond. docs/decisions/luks-without-booting.md has the figures.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imgtools.errors import EngineFailed, ToolMissing

LIBRARY = "libcrypto.so.3"
SECTOR = 512  # bytes: what initialisation vectors count, whatever the size of the sectors is
IV_SIZE = 16  # bytes: one block of AES

Vectors = Callable[[int, int, int], bytes]  # first sector, count, step -> their vectors, one after the other


class Cipher:
    """What turns encrypted sectors into clear ones; several threads may use it at once.

    :param name: in dm-crypt's words: ``aes-xts-plain64``.
    :param key: the volume key.
    :raises LookupError: it is none of those that are known here; the text says why.
    :raises ToolMissing: the host has no libcrypto of OpenSSL 3.
    """

    def __init__(self, name: str, key: bytes, sector_size: int) -> None:
        self._evp, self._key, self._sector_size = _evp(name, len(key)), key, sector_size
        self._vectors = _vectors(name, key)

    def decrypt(self, content: bytes, sector: int) -> bytes:
        """Return whole sectors in clear.

        :param sector: the number of the first, in units of 512 bytes, which the first vector is made of.
        """
        size, count = self._sector_size, len(content) // self._sector_size
        vectors = self._vectors(sector, count, size // SECTOR)
        clear = bytearray(content)
        library = _libcrypto()
        start, update = library.EVP_DecryptInit_ex, library.EVP_DecryptUpdate
        begin = ctypes.addressof((ctypes.c_char * len(clear)).from_buffer(clear)) if clear else 0
        written = ctypes.c_int()
        told = ctypes.addressof(written)
        sound = 1
        with _context(self._evp, self._key) as context:
            for place, number in zip(range(begin, begin + count * size, size), range(count), strict=True):
                vector = vectors[number * IV_SIZE : (number + 1) * IV_SIZE]
                sound &= start(context, None, None, None, vector) & update(context, place, told, place, size)
        if not sound:
            raise EngineFailed(
                "libcrypto failed at decrypting", hint="is it another version than Python's own?"
            )
        return bytes(clear)


def why_unknown(name: str, key_size: int) -> str:
    """Say why a cipher is not known here; empty: it is."""
    try:
        _check(name, key_size)
    except LookupError as error:
        return str(error.args[0])
    return ""


# Names in dm-crypt's words, with the mode in OpenSSL's, and the share of a volume key that one of its keys is.
KNOWN = {
    "aes-xts-plain64": ("xts", 2),
    "aes-xts-plain": ("xts", 2),
    "aes-cbc-essiv:sha256": ("cbc", 1),
    "aes-cbc-plain64": ("cbc", 1),
    "aes-cbc-plain": ("cbc", 1),
}
AES_KEYS = {
    "xts": (16, 32),
    "cbc": (16, 24, 32),
}  # bytes; OpenSSL has no XTS with 192 bits, and nobody asks for it


def _check(name: str, key_size: int) -> tuple[str, int]:
    """Return the mode and the bits of a key of AES."""
    if name not in KNOWN:
        raise LookupError(f"its cipher {name[:60]!r} is decrypted by the appliance only")
    mode, share = KNOWN[name]
    if key_size % share or key_size // share not in AES_KEYS[mode]:
        raise LookupError(f"its cipher {name!r} has a key of {key_size} bytes")
    return mode, key_size // share * 8


def _evp(name: str, key_size: int) -> int:
    mode, bits = _check(name, key_size)
    return _named(f"EVP_aes_{bits}_{mode}")


def _vectors(name: str, key: bytes) -> Vectors:
    kind = name.partition("-")[2].partition("-")[2]
    if kind == "plain64":
        return lambda first, count, step: _numbers(first, count, step, (1 << 64) - 1)
    if kind == "plain":
        return lambda first, count, step: _numbers(first, count, step, (1 << 32) - 1)
    salt = hashlib.sha256(key).digest()
    return lambda first, count, step: _encrypted(salt, _numbers(first, count, step, (1 << 64) - 1))


def _numbers(first: int, count: int, step: int, mask: int) -> bytes:
    """The numbers of sectors, little-endian and filled with zeros; larger ones than 32 or 64 bits wrap."""
    return b"".join(
        (number & mask).to_bytes(IV_SIZE, "little") for number in range(first, first + count * step, step)
    )


def _encrypted(key: bytes, blocks: bytes) -> bytes:
    """ESSIV: the number of the sector, encrypted with the hash of the volume key."""
    made, written = bytearray(blocks), ctypes.c_int()
    if not made:
        return b""
    library = _libcrypto()
    place = ctypes.addressof((ctypes.c_char * len(made)).from_buffer(made))
    with _context(_named("EVP_aes_256_ecb"), key, encrypts=True) as context:
        if not library.EVP_EncryptUpdate(context, place, ctypes.addressof(written), place, len(made)):
            raise EngineFailed("libcrypto failed at encrypting")
    return bytes(made)


@contextmanager
def _context(evp: int, key: bytes, *, encrypts: bool = False) -> Iterator[int]:
    """A context of libcrypto with its key, without padding."""
    library = _libcrypto()
    context = library.EVP_CIPHER_CTX_new()
    try:
        start = library.EVP_EncryptInit_ex if encrypts else library.EVP_DecryptInit_ex
        if not context or not start(context, evp, None, key, None):
            raise EngineFailed("libcrypto does not take the volume key")
        library.EVP_CIPHER_CTX_set_padding(context, 0)
        yield context
    finally:
        library.EVP_CIPHER_CTX_free(context)


@functools.cache
def _named(function: str) -> int:
    make = getattr(_libcrypto(), function)
    make.restype, make.argtypes = ctypes.c_void_p, ()
    return int(make())


@functools.cache
def _libcrypto() -> ctypes.CDLL:
    """libcrypto with the types of what is called (EVP_EncryptInit(3))."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise ToolMissing(f"the host has no {LIBRARY}", hint="apt-get install libssl3") from None
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.EVP_CIPHER_CTX_new.restype = pointer
    library.EVP_CIPHER_CTX_new.argtypes = ()
    library.EVP_CIPHER_CTX_free.argtypes = (pointer,)
    library.EVP_CIPHER_CTX_free.restype = None
    library.EVP_CIPHER_CTX_set_padding.argtypes = (pointer, ctypes.c_int)
    for start in (library.EVP_DecryptInit_ex, library.EVP_EncryptInit_ex):
        start.argtypes = (pointer, pointer, pointer, text, text)
    for update in (library.EVP_DecryptUpdate, library.EVP_EncryptUpdate):
        update.argtypes = (pointer, pointer, pointer, pointer, ctypes.c_int)
    return library
