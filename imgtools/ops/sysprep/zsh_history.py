"""Remove the zsh history of every account, root's included."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing_from_homes

OPERATION = Operation(
    summary="Remove the zsh histories of all accounts",
    families=UNIX,
    plan=removing_from_homes(".zsh_history", ".histfile"),
)
