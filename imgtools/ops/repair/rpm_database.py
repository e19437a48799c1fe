"""Have rpm build its database again from what can be read of it: ``rpm --rebuilddb``.

Done where the database cannot be read; ``force=yes`` does it all the same. Locks and shared memory that a crash has
left beside a Berkeley DB (``__db.*``) are removed first, as rpm itself asks for. Source: rpmdb(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.errors import BadImage, EngineFailed, GuestFileError, OddGuest
from imgtools.guest.boot.programs import find_program
from imgtools.guest.guest import Guest
from imgtools.guest.packages.applications import find_rpm_database, list_applications
from imgtools.ops.boot_repairs import running
from imgtools.ops.operation import LINUX, Operation

SCRIPT = """set -e
rm -f /var/lib/rpm/__db.* /var/lib/rpm/.rpm.lock
rpm --rebuilddb
rpm -qa | grep -q . || { echo rpm finds no packages afterwards; exit 1; }
"""


@dataclass(frozen=True, slots=True)
class Params:
    """``force``: also if the database can be read."""

    force: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of rpm, if it is needed."""
    if params.force or not _can_be_read(guest):
        yield running(guest, SCRIPT, "rpm --rebuilddb")


def _can_be_read(guest: Guest) -> bool:
    try:
        return bool(list_applications(guest.files, "rpm"))
    except (OddGuest, BadImage, EngineFailed, GuestFileError):
        return False


def lacking(guest: Guest) -> str:
    """Say so if the guest has no rpm, or no database."""
    if not find_program(guest.files, "rpm"):
        return "no rpm"
    return "" if any(find_rpm_database(guest.files)) else "no rpm database"


OPERATION = Operation(
    summary="Have rpm build its database again",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    default=False,
    order=270,
)
