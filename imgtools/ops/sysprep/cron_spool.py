"""Remove the jobs of users that cron and at have queued, and set the counters of at back."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_files_below, remove_matching
from imgtools.ops.operation import ANY, NoParams, Operation

COUNTERS = ("/var/spool/cron/atjobs/.SEQ", "/var/spool/atjobs/.SEQ", "/var/spool/at/.SEQ")
FIRST = b"00000\n"  # what at(1) writes before its first job


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of queued jobs, and new counters where there are counters."""
    yield from remove_files_below(guest.files, "/var/spool/cron", "/var/spool/at", keep_names=(".SEQ",))
    yield from remove_matching(guest.files, "/var/spool/atjobs/*", "/var/spool/atspool/*")
    for path in COUNTERS:
        if guest.files.is_file(path) and guest.files.read_bytes(path) != FIRST:
            yield WriteFile(guest.files.resolve(path), FIRST)


OPERATION = Operation(summary="Remove the queued jobs of cron and at", families=ANY, plan=plan)
