"""Enable a local account that is disabled.

``user`` is its name or its relative id. Without it, the built-in administrator (500), which setup disables on all but
servers, whatever it is called in the guest's language. Its password stays: see windows-password.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


@dataclass(frozen=True, slots=True)
class Params:
    """``user`` is the account's name or relative id."""

    user: str = "500"


def _enabled(registry: Registry, params: Params) -> Iterator[Change]:
    from imgtools.guest.windows.account import enabled, find_account

    account = find_account(registry, params.user)
    yield from account.with_facts(enabled(account.facts), "enable")


OPERATION = Operation(
    summary="Enable a local account, such as the built-in administrator",
    families=WINDOWS,
    plan=with_registry(_enabled),
    params=Params,
    default=False,
)
