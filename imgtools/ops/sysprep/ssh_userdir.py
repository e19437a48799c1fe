"""Remove the ``.ssh`` directory of every account: keys, known hosts and who may log in."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing_from_homes

OPERATION = Operation(
    summary="Remove the .ssh directories of all accounts",
    families=UNIX,
    plan=removing_from_homes(".ssh"),
    notes="Authorized keys go too: give the clone another way in, such as --ssh-inject.",
)
