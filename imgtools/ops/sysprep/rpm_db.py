"""Remove the region files that Berkeley DB keeps beside the rpm database; rpm makes them again."""

from __future__ import annotations

from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")


def lacking(guest: Guest) -> str:
    """Say so if the guest has no database of rpm."""
    return "" if any(guest.files.is_dir(path) for path in DATABASES) else "no rpm database"


OPERATION = Operation(
    summary="Remove the region files of the rpm database",
    families=LINUX,
    plan=removing(*(f"{path}/__db.*" for path in DATABASES)),
    lacking=lacking,
)
