"""Have rpm build its database again from what can be read of it: ``rpm --rebuilddb``.

Done where rpm cannot read the database, or its own check finds something in it; ``force=yes`` does it all the same.
Locks and shared memory that a crash has left beside a Berkeley DB (``__db.*``) are removed first, as rpm itself asks
for. rpm passes over packages that it cannot read, and calls that well done: that is refused, and the packages stay as
they are, unless ``lose=yes`` lets them go. Source: rpmdb(8); rpmdbNextIterator in rpm's lib/rpmdb.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.programs import find_program
from imgtools.guest.guest import Guest
from imgtools.guest.packages.applications import find_rpm_database, rpm_database_damage
from imgtools.ops.boot_repairs import running
from imgtools.ops.operation import LINUX, Operation

SCRIPT = """set -e
export LC_ALL=C
rm -f /var/lib/rpm/__db.* /var/lib/rpm/.rpm.lock
said=$(rpm --rebuilddb 2>&1) || { printf '%s\\n' "$said"; exit 1; }
printf '%s\\n' "$said"
@UNLESS@rpm -qa | grep -q . || { echo rpm finds no packages afterwards; exit 1; }
"""
# What rpm says of packages that it passes over goes to standard error, and its code is 0 all the same.
UNLESS = """case "$said" in
*error:* | *skipping* | *damaged*) echo "packages would be lost; rpm-database.lose=yes lets them go"; exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Params:
    """``force``: also if the database can be read. ``lose``: leave out the packages that cannot be."""

    force: bool = False
    lose: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the run of rpm, if it is needed."""
    if params.force or rpm_database_damage(guest.files):
        yield running(guest, _script(params), "rpm --rebuilddb")


def _script(params: Params) -> str:
    return SCRIPT.replace("@UNLESS@", "" if params.lose else UNLESS)


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
