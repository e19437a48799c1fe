"""Passwords as orders: how a selector names one, and the edit of /etc/shadow that sets it."""

from __future__ import annotations

import datetime
import os
import re
import secrets
import string
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.disk.keys import read_secret
from imgtools.errors import HostError, OddGuest, UsageError
from imgtools.guest.accounts.passwords import METHODS, choose_method, make_hash
from imgtools.guest.accounts.users import SHADOW, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_account
from imgtools.ops.operation import HostSide
from imgtools.records.orders import Named
from imgtools.records.request import Secret
from imgtools.records.system import Warned

SELECTORS = "file:PATH, env:NAME, ask, random, random:FILE, locked, locked:SELECTOR or disabled"
STATES = {"disabled": "*", "locked-disabled": "!*"}  # and what stands in shadow for those without a hash
DAY = 86400  # seconds; shadow(5) counts days since 1970
LETTERS = string.ascii_letters + string.digits
LENGTH = 22  # letters of a random password: 130 bits


def read_selector(user: str, selector: str, host: HostSide) -> Order:
    """Return the order for a user's password; ``text`` is ``USER:STATE:METHOD``.

    ``random`` makes one that the caller has to tell somebody (:attr:`Order.is_new`). ``random:FILE`` takes the password
    from a file and, where there is none, makes one first: so the plan and what is done have the same. ``password:`` and
    ``key:`` have the secret itself, for those who insist; it may have colons. ``locked:disabled`` is ``!*`` in shadow:
    unlocking the account does not let anybody in.

    :raises UsageError: it is no selector, or there is no such method.
    :raises HostError: the file or the variable is not there.
    """
    if host.password_method and host.password_method not in METHODS:
        raise UsageError(
            f"no such hash method: {host.password_method}", hint=f"there are {', '.join(METHODS)}"
        )
    state, _, rest = selector.partition(":")
    if selector in ("disabled", "locked"):
        return Order(f"{user}:{selector}:")
    if state == "locked":
        selector = rest
        if selector == "disabled":
            return Order(f"{user}:locked-disabled:")
    kind, _, value = selector.partition(":")
    text = f"{user}:{'locked' if state == 'locked' else ''}:{host.password_method}"
    if kind == "random":
        if value:
            _make_password_file(Path(value))
        secret = read_secret("file", value, "", host.ask) if value else _random()
    elif kind == "ask" or value:
        kind = "key" if kind == "password" else kind
        secret = read_secret(kind, value, f"Password of {user}: ", host.ask)
    else:
        raise UsageError(f"not a way to give the password of {user}", hint=SELECTORS)
    if not secret.reveal():
        raise UsageError(
            f"the password of {user} is empty", hint="USER:disabled lets nobody in by a password"
        )
    return Order(text, secret, is_new=kind == "random" and not value)


def _random() -> Secret:
    return Secret("".join(secrets.choice(LETTERS) for _ in range(LENGTH)).encode())


def _make_password_file(host_path: Path) -> None:
    """Make a file with a new password, for its owner's eyes only; one that is there stays."""
    try:
        descriptor = os.open(host_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise HostError(f"cannot make the password file {host_path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(_random().reveal() + b"\n")


def set_password(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the edit of the user's line in /etc/shadow.

    :raises UsageError: no such user, or no such method.
    :raises UnsupportedGuest: the guest cannot read the method's hashes.
    :raises OddGuest: the user has no line in /etc/shadow.
    """
    name, _, rest = order.text.partition(":")
    state, _, method = rest.partition(":")
    if state not in ("", "locked", *STATES):
        raise UsageError(f"not a state of a password: {state!r}", hint="locked or disabled")
    account = require_account(guest.files, name)
    accounts = read_accounts(guest.files)
    if not any(entry.name == account.name for entry in accounts.shadow):
        raise OddGuest(f"the user {name} has no line in {SHADOW}", hint="the guest's own pwconv makes one")
    line = re.escape(name)
    if state in STATES:
        edit = LineEdit(rf"^{line}:[^:]*:", f"{name}:{STATES[state]}:")
        what = f"disable the password of {name}{', locked' if state.startswith('locked') else ''}"
    elif order.secret is not None:
        method = choose_method(guest.files, accounts, guest.os, method)
        hashed = make_hash(order.secret, method)
        lock = "!" if state == "locked" else ""
        today = int(time.time()) // DAY
        edit = LineEdit(rf"^{line}:[^:]*:[^:]*:", f"{name}:{lock}{hashed}:{today}:")
        what = f"set the password of {name} ({method}{', locked' if lock else ''})"
    elif state == "locked":
        edit, what = LineEdit(rf"^{line}:(?!!)", f"{name}:!"), f"lock the password of {name}"
    else:
        raise UsageError(f"no password for {name}", hint=SELECTORS)
    yield EditLines(SHADOW, (edit,), what)


def warn_expired(guest: Guest, wanted: Sequence[Named]) -> Iterator[Warned]:
    """Yield a warning for each account that somebody is to be let in to, and that has expired: it stays so.

    shadow(5), field 8: the day since 1970 from which on nobody can log in, by a password or by a key.
    """
    today = int(time.time()) // DAY
    names = {_user(one) for one in wanted if one.order.secret is not None or one.name == "ssh-inject"}
    for entry in read_accounts(guest.files).shadow if names else ():
        if entry.name in names and entry.expires.isdigit() and int(entry.expires) <= today:
            day = datetime.date(1970, 1, 1) + datetime.timedelta(days=min(int(entry.expires), today))
            yield Warned(
                f"the account {entry.name} has expired on {day} and stays expired: nobody can log in with it",
                SHADOW,
            )


def _user(wanted: Named) -> str:
    return wanted.order.text.partition(":")[0]
