"""Remove saved credentials and vaults of users, which DPAPI has bound to this machine and its users."""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_profiles

OPERATION = Operation(
    summary="Remove saved credentials and vaults",
    families=WINDOWS,
    plan=removing_from_profiles("AppData/*/Microsoft/Credentials/*", "AppData/*/Microsoft/Vault/*"),
    default=False,
)
