"""Set, lock or disable the password of a user: ``USER:SELECTOR``.

The selector is ``file:PATH``, ``env:NAME``, ``ask``, ``random`` (told once, on the terminal or in the file of
``--password-output``), ``random:FILE`` (kept in a file of the host, which is made if it is not there), ``locked``,
``locked:SELECTOR`` or ``disabled``. The hash is one
that the guest reads: yescrypt, where its libcrypt knows it, else SHA-512; the user has to be there.
"""

from __future__ import annotations

from imgtools.ops.customize_plan import Order, split_pair
from imgtools.ops.operation import HostSide, Operation
from imgtools.ops.passwords import read_selector, set_password


def read(text: str, host: HostSide) -> Order:
    """Return the user and the secret."""
    user, selector = split_pair(text, "USER:SELECTOR", secret=True)
    return read_selector(user, selector, host)


OPERATION = Operation(
    summary="Set the password of a user",
    how="USER and file:PATH, env:NAME, ask, random, random:FILE, locked or disabled",
    plan=set_password,
    params=Order,
    metavar="USER:SELECTOR",
    read=read,
)
