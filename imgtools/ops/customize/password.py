"""Set, lock or disable a password: ``USER[:METHOD]`` with the secret, ``USER:locked``, ``USER:disabled``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from imgtools.errors import OddGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.passwords import choose_method, make_hash
from imgtools.guest.users import SHADOW, read_accounts
from imgtools.image.change import Change, EditLines, LineEdit
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order, require_account

DAY = 86400  # seconds; shadow(5) counts days since 1970


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the edit of the user's line in /etc/shadow.

    :raises UsageError: no such user, or no such method.
    :raises UnsupportedGuest: the guest cannot read the method's hashes.
    :raises OddGuest: the user has no line in /etc/shadow.
    """
    name, _, method = order.text.partition(":")
    account = require_account(guest.files, name)
    accounts = read_accounts(guest.files)
    if not any(entry.name == account.name for entry in accounts.shadow):
        raise OddGuest(f"the user {name} has no line in {SHADOW}", hint="the guest's own pwconv makes one")
    line = re.escape(name)
    if method == "locked":
        yield EditLines(SHADOW, (LineEdit(rf"^{line}:(?!!)", f"{name}:!"),))
        return
    if method == "disabled":
        yield EditLines(SHADOW, (LineEdit(rf"^{line}:[^:]*:", f"{name}:*:"),))
        return
    if order.secret is None:
        raise UsageError(f"no password for {name}", hint="write USER:file:PATH, USER:env:NAME or USER:ask")
    hashed = make_hash(order.secret, choose_method(guest.files, accounts, method))
    today = int(time.time()) // DAY
    yield EditLines(SHADOW, (LineEdit(rf"^{line}:[^:]*:[^:]*:", f"{name}:{hashed}:{today}:"),))


OPERATION = Operation(summary="Set the password of a user", plan=plan, params=Order)
