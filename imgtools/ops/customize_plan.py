"""What the customize options ask for, as data, and the plan they make together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches

from imgtools.change.change import Change, MakeDirectory, Relabel, RunInGuest, Upload, WriteFile
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import ImgtoolsError, NoSuchGuestFile, NotInGuest, UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Account, read_accounts
from imgtools.guest.guest import Guest, guest_path
from imgtools.guest.labels import needs_autorelabel
from imgtools.ops.operation import HostSide, Shelved, load_shelf
from imgtools.records.orders import Named, Order
from imgtools.records.request import Customization
from imgtools.records.system import OsType

__all__ = [
    "Customization",
    "Named",
    "Order",
    "add_orders",
    "find_customization",
    "guest_file",
    "plan_orders",
    "read_order",
    "require_account",
    "require_there",
    "split_pair",
    "told_where",
]

SHELF = "imgtools.ops.customize"
FIRST = ("generalize",)  # others are told to the setup that it leads to
LAST = ("password", "root-password")
# What a Windows guest has in the place of an order that is not for it.
UNIX_ONLY = "NTFS has no owners, modes and links as Unix has them"
IN_WINDOWS = {
    **dict.fromkeys(("chmod", "chown", "link"), UNIX_ONLY),
    **dict.fromkeys(
        ("run", "run-command", "install", "uninstall", "update", "firstboot-install"),
        "--firstboot and --firstboot-command run what it takes when Windows boots",
    ),
    "root-password": "--password NAME:SELECTOR, with the name of its administrator",
    "service": "--registry with a file that sets Start of the service",
}
# How the customizations call, in their usage, what is a path of the guest.
GUEST_PATHS = frozenset({"PATH", "NEWPATH", "DIR", "PATTERN", "SOURCE", "TARGET"})


def read_order(name: str, text: str, host: HostSide) -> Named:
    """Return the order that an option and its text stand for, with what it needs of the host.

    :raises UsageError: there is no such option, or the text is not written as it wants.
    :raises HostError: a file of the host that the text names is not there.
    """
    operation = find_customization(name).operation
    if bool(text) != bool(operation.metavar):
        wanted = f"takes {operation.metavar}" if operation.metavar else "takes no value"
        raise UsageError(f"{name} {wanted}")
    return Named(name, operation.read(text, host))


def find_customization(name: str) -> Shelved:
    """Return the operation of a name.

    :raises UsageError: there is none.
    """
    shelf = load_shelf(SHELF)
    if name not in shelf:
        near = get_close_matches(name, shelf, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(shelf)}"
        raise UsageError(f"no such customization: {name}", hint=hint)
    return shelf[name]


@contextmanager
def told_where(where: str) -> Iterator[None]:
    """Say in an error where the order stands that it is about."""
    try:
        yield
    except ImgtoolsError as error:
        if where:
            error.message = f"{where}: {error.message}"
        raise


def plan_orders(guest: Guest, wanted: Sequence[Named]) -> Iterator[Change]:
    """Yield what the orders ask for, in their order; generalising comes first, passwords last.

    :raises UsageError: an unknown name, or a text that does not parse.
    :raises UnsupportedGuest: one of them is not for this guest, or would not take effect in it.
    """
    sequence = ChangeSequence(guest.files)
    add_orders(guest, wanted, sequence)
    yield from sequence.changes


def add_orders(guest: Guest, wanted: Sequence[Named], sequence: ChangeSequence) -> tuple[Change, ...]:
    """Plan each order for the guest as those before it leave it; return the changes in their order.

    :raises ImgtoolsError: as :func:`plan_orders`.
    """
    made: list[Change] = []
    for one in sorted(wanted, key=lambda one: (one.name not in FIRST, one.name in LAST)):
        with told_where(one.where):
            operation = find_customization(one.name).operation
            if not operation.families.include(guest):
                raise UnsupportedGuest(
                    f"{one.name} is not for {guest.os.product_name or guest.os.distro}",
                    hint=IN_WINDOWS.get(one.name, "") if guest.os.type is OsType.WINDOWS else "",
                )
            now = replace(guest, files=sequence.files)
            is_windows = guest.os.type is OsType.WINDOWS
            order = _with_guest_paths(guest, operation.metavar, one.order) if is_windows else one.order
            changes = operation.plan(now, order)
            made += sequence.add(map(_without_owner, changes) if is_windows else changes)
            if reason := operation.objection(replace(guest, files=sequence.files), order):
                raise UnsupportedGuest(f"{one.name} would not take effect: {reason}")
    if any(isinstance(change, RunInGuest) for change in made) and needs_autorelabel(guest.files):
        # A program makes files with the labels of the appliance, which has none.
        made += sequence.add([Relabel()])
    return tuple(made)


def _with_guest_paths(guest: Guest, metavar: str, order: Order) -> Order:
    r"""Return an order with the paths that have a drive, ``C:\Windows``, as paths of the guest's tree.

    :raises NoSuchGuestFile: the guest has no such drive.
    :raises UnsupportedGuest: a path on another drive, whose colon would not be told from what separates the words.
    """
    words = metavar.split(":")
    patterns = [
        rf"(?P<w{number}>[A-Za-z]:[\\/][^:]*|[^:]*)" if word in GUEST_PATHS else "[^:]*"
        for number, word in enumerate(words)
    ]
    if words[-1] not in GUEST_PATHS:
        patterns[-1] = ".*"
    match = re.fullmatch(":".join(patterns), order.text, re.DOTALL)
    if match is None:
        return order
    text = order.text
    for group in reversed(match.groupdict()):
        if re.match(r"[A-Za-z]:[\\/]", match[group]):
            path = guest_path(guest, match[group])
            if ":" in path and len(words) > 1:
                raise UnsupportedGuest(
                    f"{metavar} takes paths of the system's drive only: {match[group]}",
                    hint="imgtools write, edit and copy-in take those of other drives",
                )
            text = text[: match.start(group)] + path + text[match.end(group) :]
    return replace(order, text=text)


def _without_owner(change: Change) -> Change:
    """Return a change without what NTFS does not have: new files have the rights that their folder hands down."""
    if isinstance(change, (WriteFile, Upload)):
        return replace(change, mode=None, uid=None, gid=None)
    return replace(change, mode=0o755, uid=0, gid=0) if isinstance(change, MakeDirectory) else change


def split_pair(text: str, what: str, *, secret: bool = False) -> tuple[str, str]:
    """Return the halves of ``A:B``; ``what`` says in the error how it is written, the text itself if not secret."""
    left, separator, right = text.partition(":")
    if not left or not separator or not right:
        raise UsageError(f"not {what}" if secret else f"not {what}: {text!r}")
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

    :raises NotInGuest: the guest has no such user.
    """
    account = read_accounts(files).account(name)
    if account is None:
        raise NotInGuest(f"the guest has no user {name!r}", hint="imgtools cat IMAGE /etc/passwd shows them")
    return account
