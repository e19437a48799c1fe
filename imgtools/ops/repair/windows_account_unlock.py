"""Unlock a local account that wrong passwords have locked.

``user`` is its name or its relative id (500 is the built-in administrator).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import require_said, with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


@dataclass(frozen=True, slots=True)
class Params:
    """``user`` is the account's name or relative id."""

    user: str = ""

    def __post_init__(self) -> None:
        require_said(self.user, "user")


def _unlocked(registry: Registry, params: Params) -> Iterator[Change]:
    from imgtools.guest.windows.account import find_account, unlocked

    account = find_account(registry, params.user)
    yield from account.with_facts(unlocked(account.facts), "unlock")


OPERATION = Operation(
    summary="Unlock a local account",
    families=WINDOWS,
    plan=with_registry(_unlocked),
    params=Params,
    default=False,
)
