"""What the customize options ask for, as data, and the plan they make together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.errors import NoSuchGuestFile, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.users import Account, read_accounts
from imgtools.image.change import Change
from imgtools.image.files import GuestReader
from imgtools.ops.api import load_shelf
from imgtools.records import Secret

SHELF = "imgtools.ops.customize"
LAST = ("password",)


@dataclass(frozen=True, slots=True)
class Order:
    """One option and its text. ``secret`` is what must not be shown: a password."""

    text: str = ""
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """An order for the operation of this name."""

    name: str
    order: Order


def plan_orders(guest: Guest, wanted: Sequence[Named]) -> Iterator[Change]:
    """Yield what the orders ask for, in their order; passwords come last.

    :raises UsageError: an unknown name, or a text that does not parse.
    :raises UnsupportedGuest: one of them is not for this guest.
    """
    shelf = load_shelf(SHELF)
    for one in sorted(wanted, key=lambda one: one.name in LAST):
        if one.name not in shelf:
            raise UsageError(f"no such customization: {one.name}", hint=f"there are: {', '.join(shelf)}")
        operation = shelf[one.name].operation
        if not operation.families.include(guest):
            raise UnsupportedGuest(f"{one.name} is not for {guest.os.product_name or guest.os.distro}")
        yield from operation.plan(guest, one.order)


def split_pair(text: str, what: str) -> tuple[str, str]:
    """Return the halves of ``A:B``; ``what`` says in the error how it is written."""
    left, separator, right = text.partition(":")
    if not left or not separator or not right:
        raise UsageError(f"not {what}: {text!r}")
    return left, right


def guest_file(text: str) -> str:
    """Return an absolute guest path as it was given.

    :raises UsageError: it is not absolute.
    """
    if not text.startswith("/") or "\0" in text:
        raise UsageError(f"not an absolute path of the guest: {text!r}")
    return text


def require_there(files: GuestReader, path: str) -> str:
    """Return where a path is; a link itself is meant, not what it leads to.

    :raises NoSuchGuestFile: there is nothing.
    """
    if files.lstat(guest_file(path)) is None:
        raise NoSuchGuestFile(f"no such file in the guest: {path}", path=path)
    return files.locate(path)


def require_account(files: GuestReader, name: str) -> Account:
    """Return a user's account.

    :raises UsageError: the guest has no such user.
    """
    account = read_accounts(files).account(name)
    if account is None:
        raise UsageError(f"the guest has no user {name!r}", hint="imgtools cat IMAGE /etc/passwd shows them")
    return account
