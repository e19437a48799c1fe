"""Set, lock or disable the password of a user: ``USER:SELECTOR``.

The selector is ``file:PATH``, ``env:NAME``, ``ask``, ``random`` (told once, on the terminal or in the file of
``--password-output``), ``random:FILE`` (kept in a file of the host, which is made if it is not there), ``locked``,
``locked:SELECTOR`` or ``disabled``. The hash is one
that the guest reads: yescrypt, where its libcrypt knows it, else SHA-512; the user has to be there.

Of a Windows guest a script sets it at the first boot, or its setup, if it is the administrator's and setup is to come;
until then the password lies in the image, in a form that whoever can read the image can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, split_pair
from imgtools.ops.operation import LINUX_OR_WINDOWS, HostSide, Operation
from imgtools.ops.passwords import read_selector, set_password
from imgtools.ops.windows_accounts import set_windows_password
from imgtools.records.system import OsType


def read(text: str, host: HostSide) -> Order:
    """Return the user and the secret."""
    user, selector = split_pair(text, "USER:SELECTOR", secret=True)
    return read_selector(user, selector, host)


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what sets it.

    :raises ImgtoolsError: as :func:`set_password` and :func:`set_windows_password`.
    """
    is_windows = guest.os.type is OsType.WINDOWS
    yield from set_windows_password(guest, order) if is_windows else set_password(guest, order)


OPERATION = Operation(
    summary="Set the password of a user",
    how="USER and file:PATH, env:NAME, ask, random, random:FILE, locked or disabled",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="USER:SELECTOR",
    notes="Of Windows, what is said of `firstboot` holds for the script.",
    read=read,
)
