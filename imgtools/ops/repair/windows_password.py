"""Take the password of a local account away, so that it is logged on to without one.

``user`` is its name or its relative id (500 is the built-in administrator). By default Windows lets an account without
a password log on at the console only, not over the network; set a new password there at once. What the password
protected (credentials, certificates, encrypted files) stays locked. A Microsoft account has no password here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.errors import UnsupportedGuest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import OfAccount, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


def _blank(registry: Registry, params: OfAccount) -> Iterator[Change]:
    from imgtools.guest.windows.account import find_account, without_password

    account = find_account(registry, params.user)
    if account.online:
        raise UnsupportedGuest(
            f"{account.name} is a Microsoft account: its password is not the guest's own",
            hint="enable the built-in administrator in its place: --only windows-account-enable",
        )
    yield from account.with_words(without_password(account.words), "no password for")


OPERATION = Operation(
    summary="Take the password of a local account away",
    families=WINDOWS,
    plan=with_registry(_blank),
    params=OfAccount,
    default=False,
    notes="Accounts of a domain are not stored in the guest; on a domain controller this is the account of DSRM.",
)
