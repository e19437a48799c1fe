"""Unlock a local account that wrong passwords have locked.

``user`` is its name or its relative id (500 is the built-in administrator).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import OfAccount, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


def _unlocked(registry: Registry, params: OfAccount) -> Iterator[Change]:
    from imgtools.guest.windows.account import find_account, unlocked

    account = find_account(registry, params.user)
    yield from account.with_facts(unlocked(account.facts), "unlock")


OPERATION = Operation(
    summary="Unlock a local account",
    families=WINDOWS,
    plan=with_registry(_unlocked),
    params=OfAccount,
    default=False,
)
