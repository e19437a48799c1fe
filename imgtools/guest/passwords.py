"""Which password hashes a guest can read, and new ones for it."""

from __future__ import annotations

from imgtools.engine.crypt import hash_password
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.users import Accounts
from imgtools.image.files import GuestReader
from imgtools.records import Secret

# libxcrypt's file names; glibc's own libcrypt, which has no yescrypt, is libcrypt-2.NN.so.
LIBXCRYPT = ("/{usr/,}{lib,lib64}/libcrypt.so.{1.1,2}*", "/{usr/,}lib/*-linux-gnu*/libcrypt.so.{1.1,2}*")
METHODS = ("yescrypt", "sha512")


def choose_method(files: GuestReader, accounts: Accounts, wanted: str = "") -> str:
    """Return the hash method for a guest: what was asked for, or yescrypt where it uses it, or sha512.

    :raises UsageError: an unknown method was asked for.
    :raises UnsupportedGuest: the guest cannot read it.
    """
    if wanted and wanted not in METHODS:
        raise UsageError(f"no such hash method: {wanted}", hint=f"there are {', '.join(METHODS)}")
    uses = any(entry.password.reveal().startswith(b"$y$") for entry in accounts.shadow)
    reads = uses or any(True for pattern in LIBXCRYPT for _ in files.glob(pattern))
    if wanted == "yescrypt" and not reads:
        raise UnsupportedGuest("the guest cannot read yescrypt hashes", hint="choose sha512")
    return wanted or ("yescrypt" if uses else "sha512")


def make_hash(password: Secret, method: str) -> str:
    """Return a hash of the password.

    :raises UsageError: the password is empty, or has a zero byte or a line end in it.
    """
    text = password.reveal()
    if not text or b"\0" in text or b"\n" in text:
        raise UsageError("a password must not be empty, and has no line end or zero byte")
    return hash_password(text, method)
