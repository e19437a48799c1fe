"""Tell the setup of a Windows its product key: ``file:PATH``, ``env:NAME``, ``ask`` or ``key:KEY``.

Windows guests that wait for their setup: generalised ones, or with --generalize beside it. The key is not shown; it
lies in the guest's unattend.xml until setup has read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.disk.keys import read_secret
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, HostSide, Operation
from imgtools.ops.windows_answers import told_to_setup
from imgtools.records.request import Secret

KEY = rb"([A-Z0-9]{5}-){4}[A-Z0-9]{5}"


def read(text: str, host: HostSide) -> Order:
    """Return the key as a secret.

    :raises UsageError: it is no selector, or what it leads to is no key.
    :raises HostError: the file or the variable is not there.
    """
    kind, _, value = text.partition(":")
    if kind not in ("file", "env", "key", "ask") or bool(value) == (kind == "ask"):
        raise UsageError("not a way to give the product key", hint="file:PATH, env:NAME, ask or key:KEY")
    key = read_secret(kind, value, "Product key: ", host.ask).reveal().strip().upper()
    if not re.fullmatch(KEY, key):
        raise UsageError("not a product key of Windows", hint="five letters or digits, five times")
    return Order("", Secret(key))


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the answers for setup.

    :raises UnsupportedGuest: the guest is set up already.
    """
    from imgtools.guest.windows.answers import SHELL, SPECIALIZE

    key = order.secret.reveal().decode() if order.secret else ""
    yield from told_to_setup(
        guest, "product-key", lambda answers: answers.set(SPECIALIZE, SHELL, "ProductKey", text=key)
    )


OPERATION = Operation(
    summary="Tell the setup of a Windows its product key",
    how="file:PATH, env:NAME, ask or key:KEY",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="SELECTOR",
    read=read,
)
