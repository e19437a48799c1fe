"""Remove the zsh history of every account, root's included."""

from __future__ import annotations

from imgtools.ops.common_plans import removing_from_homes
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the zsh histories of all accounts",
    families=UNIX,
    plan=removing_from_homes(".zsh_history", ".histfile"),
)
