"""Remove the records of process accounting, and leave the empty file that accounting begins with."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, Remove, Truncate
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, NoParams, Operation

# Red Hat's place and Debian's place.
LOGS = ("/var/account/pacct", "/var/log/account/pacct")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of old records; the current one is emptied, because acct does not make it itself."""
    for log in LOGS:
        for path in guest.files.glob(f"{log}*"):
            if not guest.files.is_file(path):
                continue
            size = guest.files.stat(path).size
            if path != log:
                yield Remove(guest.files.locate(path), size=size)
            elif size:
                yield Truncate(guest.files.locate(path), size_before=size)


OPERATION = Operation(summary="Remove the process accounting logs", families=LINUX, plan=plan)
