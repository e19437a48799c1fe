"""Passwords as orders: how a selector names one, and the edit of /etc/shadow that sets it."""

from __future__ import annotations

import os
import re
import secrets
import string
import time
from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.disk.keys import read_secret
from imgtools.errors import HostError, OddGuest, UsageError
from imgtools.guest.accounts.passwords import METHODS, choose_method, make_hash
from imgtools.guest.accounts.users import SHADOW, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_account
from imgtools.ops.operation import HostSide
from imgtools.records.request import Secret

SELECTORS = "file:PATH, env:NAME, ask, random, random:FILE, locked, locked:SELECTOR or disabled"
DAY = 86400  # seconds; shadow(5) counts days since 1970
LETTERS = string.ascii_letters + string.digits
LENGTH = 22  # letters of a random password: 130 bits


def read_selector(user: str, selector: str, host: HostSide) -> Order:
    """Return the order for a user's password; ``text`` is ``USER:STATE:METHOD``.

    ``random:FILE`` takes the password from a file and, where there is none, makes one first: so the plan and what is
    done have the same. ``password:`` and ``key:`` have the secret itself, for those who insist.

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
    return Order(text, secret)


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
    if state not in ("", "locked", "disabled"):
        raise UsageError(f"not a state of a password: {state!r}", hint="locked or disabled")
    account = require_account(guest.files, name)
    accounts = read_accounts(guest.files)
    if not any(entry.name == account.name for entry in accounts.shadow):
        raise OddGuest(f"the user {name} has no line in {SHADOW}", hint="the guest's own pwconv makes one")
    line = re.escape(name)
    if state == "disabled":
        edit, what = LineEdit(rf"^{line}:[^:]*:", f"{name}:*:"), f"disable the password of {name}"
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
