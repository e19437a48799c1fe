"""Keys of the kernel's keyrings, by libkeyutils: keyrings(7), request_key(2), keyctl_read(3)."""

from __future__ import annotations

import ctypes
import errno
import os

from imgtools.errors import HostError, ToolMissing

LIBRARY = "libkeyutils.so.1"
KIND = b"user"  # what `keyctl add user` and systemd-cryptsetup keep passphrases as; those of "logon" cannot be read
HINT = "`keyctl add user NAME SECRET @s`, or @u, puts one there; `keyctl show` lists them"
SAID = {
    errno.ENOKEY: "there is none of that description",
    errno.EKEYEXPIRED: "it has expired",
    errno.EKEYREVOKED: "it was revoked",
    errno.EACCES: "it may not be read",
    errno.EPERM: "this host does not let anybody read keyrings",
    errno.ENOSYS: "this kernel has no keyrings",
}


def read_key(description: str) -> bytes:
    """Return the key of a description, from the thread's, the process's, the session's or the user's keyring.

    :raises HostError: there is none, or it may not be read.
    :raises ToolMissing: the host has no libkeyutils.
    """
    library = _loaded()
    name = os.fsencode(description)
    number = library.request_key(KIND, name, None, 0) if b"\0" not in name else _refused(errno.ENOKEY)
    size = library.keyctl_read(number, None, ctypes.c_size_t(0)) if number >= 0 else -1
    if size < 0:
        number = ctypes.get_errno()
        raise HostError(
            f"the key {description!r} of the kernel's keyrings: {SAID.get(number, os.strerror(number))}",
            hint=HINT,
        )
    buffer = ctypes.create_string_buffer(max(size, 1))
    found = library.keyctl_read(number, buffer, ctypes.c_size_t(size))
    return buffer.raw[: min(found, size)]


def _refused(number: int) -> int:
    ctypes.set_errno(number)
    return -1


def _loaded() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError:
        raise ToolMissing(f"{LIBRARY} is not installed", hint="apt-get install libkeyutils1") from None
    library.request_key.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int32)
    library.request_key.restype = ctypes.c_int32
    library.keyctl_read.argtypes = (ctypes.c_int32, ctypes.c_char_p, ctypes.c_size_t)
    library.keyctl_read.restype = ctypes.c_long
    return library
