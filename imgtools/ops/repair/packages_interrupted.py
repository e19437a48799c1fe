"""Finish what a package manager was interrupted in: dpkg's unpacked and half configured packages, yum's transactions.

dpkg configures what is unpacked, as it asks for itself ("dpkg was interrupted, you must manually run 'dpkg --configure
-a'"); the packages' own scripts run in the guest's tree, without the network, and may take a while. yum's leftover
transaction is cleaned up with yum-complete-transaction where the guest has it. dnf keeps none: what it left twice is
for ``dnf remove --duplicates``, which needs its repositories. Sources: dpkg(1), yum-complete-transaction(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.programs import find_program
from imgtools.guest.guest import Guest
from imgtools.ops.boot_repairs import running
from imgtools.ops.operation import LINUX, NoParams, Operation

STATUS = "/var/lib/dpkg/status"
LIMIT = 64 << 20  # bytes of the status; 5 MB with 5000 packages
# What dpkg --configure -a finishes. half-installed has to be installed again.
UNFINISHED = re.compile(r"(?m)^Status: \S+ \S+ (unpacked|half-configured|triggers-pending|triggers-awaited)$")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the run of the package manager, if it has something to finish."""
    files = guest.files
    if find_program(files, "dpkg") and dpkg_is_interrupted(files):
        script = "set -e\ndpkg --force-confdef --force-confold --configure -a\n"
        yield running(guest, script, "dpkg --configure -a")
    program = find_program(files, "yum-complete-transaction")
    if program and any(True for _ in files.glob("/var/lib/yum/transaction-all.*")):
        yield running(
            guest, f"set -e\n{program} -y --cleanup-only\n", "yum-complete-transaction --cleanup-only"
        )


def dpkg_is_interrupted(files: GuestReader) -> bool:
    """Whether dpkg has a journal that it has not taken in, or packages that are not configured."""
    if any(re.fullmatch(r"\d+", path.rpartition("/")[2]) for path in files.glob("/var/lib/dpkg/updates/*")):
        return True
    if not files.is_file(STATUS) or files.stat(STATUS).size > LIMIT:
        return False
    return UNFINISHED.search(files.read_text(STATUS, limit=LIMIT)) is not None


def lacking(guest: Guest) -> str:
    """Say so if the guest has neither dpkg nor yum."""
    has = find_program(guest.files, "dpkg", "yum", "yum-complete-transaction")
    return "" if has else "neither dpkg nor yum"


OPERATION = Operation(
    summary="Finish an interrupted installation of packages",
    families=LINUX,
    plan=plan,
    lacking=lacking,
    order=310,
)
