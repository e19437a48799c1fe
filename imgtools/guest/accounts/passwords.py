"""Which password hashes a guest can read, and new ones for it."""

from __future__ import annotations

from imgtools.engine.crypt import hash_password, is_password
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Accounts
from imgtools.records.request import Secret
from imgtools.records.system import OsInfo

# Debian and Arch; the RPM distributions; musl has one of its own, without yescrypt.
LIBCRYPT = ("/{usr/,}{lib,lib64}/libcrypt.so.*", "/{usr/,}lib/*-linux-gnu*/libcrypt.so.*")
LIBRARY_LIMIT = 8 << 20  # bytes; libxcrypt has 200 KiB
METHODS = ("yescrypt", "sha512")
# The first releases whose libxcrypt knows yescrypt (4.2 and later), for guests whose library cannot be looked into.
FIRST_RELEASES = {
    "debian": 11, "ubuntu": 22, "fedora": 30, "rhel": 9, "centos": 9, "rocky": 9, "almalinux": 9, "ol": 9, "arch": 0,
}  # fmt: skip


def choose_method(files: GuestReader, accounts: Accounts, os: OsInfo, wanted: str = "") -> str:
    """Return the hash method for a guest: what was asked for, or yescrypt where the guest reads it, or sha512.

    :raises UsageError: an unknown method was asked for.
    :raises UnsupportedGuest: the guest cannot read it.
    """
    if wanted and wanted not in METHODS:
        raise UsageError(f"no such hash method: {wanted}", hint=f"there are {', '.join(METHODS)}")
    if wanted == "sha512":
        return wanted
    if _reads_yescrypt(files, accounts, os):
        return "yescrypt"
    if wanted:
        raise UnsupportedGuest("the guest cannot read yescrypt hashes", hint="choose sha512")
    return "sha512"


def _reads_yescrypt(files: GuestReader, accounts: Accounts, os: OsInfo) -> bool:
    """Whether the guest's libcrypt knows ``$y$``: a hash says so, or the library itself, or the release."""
    if any(entry.password.reveal().startswith(b"$y$") for entry in accounts.shadow):
        return True
    libraries = {
        files.resolve(path) for pattern in LIBCRYPT for path in files.glob(pattern) if files.is_file(path)
    }
    sizes = {path: files.stat(path).size for path in libraries}
    readable = [path for path, size in sizes.items() if 0 < size <= LIBRARY_LIMIT]
    if readable:
        return any(b"$y$" in files.read_bytes(path, limit=LIBRARY_LIMIT) for path in readable)
    own = os.families[0] if os.families else os.distro
    return own in FIRST_RELEASES and os.major >= FIRST_RELEASES[own]


def make_hash(password: Secret, method: str) -> str:
    """Return a hash of the password.

    :raises UsageError: the password is empty, or has a zero byte or a line end in it.
    """
    text = password.reveal()
    if not text or b"\0" in text or b"\n" in text:
        raise UsageError("a password must not be empty, and has no line end or zero byte")
    return hash_password(text, method)


def is_password_of(password: Secret, stored: Secret) -> bool:
    """Whether an account's hash, not locked, is that of this password already.

    A guest can choose a hash that takes a long time; only methods whose cost is the usual one are tried.
    """
    text = stored.reveal()
    usual = text.startswith((b"$y$j9T$", b"$6$")) and not text.startswith(b"$6$rounds=")
    return usual and is_password(password.reveal(), text)
