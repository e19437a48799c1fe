"""Password hashes by the host's libcrypt (libxcrypt), crypt(3) and crypt(5); nothing of it passes a command line."""

from __future__ import annotations

import ctypes
import hmac
import secrets
import threading

from imgtools.errors import EngineFailed, ToolMissing

LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# crypt(5): j9T is yescrypt's default cost; 20 letters are 15 whole bytes of salt. SHA-512 takes 16 letters.
PREFIXES = {"yescrypt": ("$y$j9T$", 20), "sha512": ("$6$", 16)}
LONGEST = 384  # crypt(3): CRYPT_OUTPUT_SIZE
_ONE_AT_A_TIME = threading.Lock()  # crypt(3) answers in a buffer of its own


def hash_password(password: bytes, method: str) -> str:
    """Return the hash of a password with a new random salt.

    :param method: ``yescrypt`` or ``sha512``.
    :raises ToolMissing: the host has no libcrypt.
    :raises EngineFailed: its libcrypt does not know the method.
    """
    prefix, length = PREFIXES[method]
    answer = _crypt(password, prefix + "".join(secrets.choice(LETTERS) for _ in range(length)))
    if not answer.startswith(prefix.encode()):
        raise EngineFailed(f"the host's libcrypt cannot make {method} hashes", hint="choose sha512")
    return answer.decode("ascii")


def is_password(password: bytes, stored: bytes) -> bool:
    """Whether a hash is that of a password; False where the host's libcrypt does not know the hash.

    :raises ToolMissing: the host has no libcrypt.
    """
    if not stored.startswith(b"$") or len(stored) > LONGEST or b"\0" in stored or b"\0" in password:
        return False
    return hmac.compare_digest(_crypt(password, stored.decode("latin-1")), stored)


def _crypt(password: bytes, setting: str) -> bytes:
    """Return what crypt(3) answers; empty where it does not know the method."""
    try:
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
    except OSError:
        raise ToolMissing("the host has no libcrypt.so.1", hint="install libcrypt1") from None
    crypt.restype = ctypes.c_char_p
    crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    with _ONE_AT_A_TIME:
        answer: bytes | None = crypt(password, setting.encode("latin-1"))
    return answer or b""
