"""What runs by itself is there.

A service that is enabled, or a line of cron, whose program is gone is half of something: of a removal, or of the
traces of somebody who has cleaned up after himself. Lines that ask first whether their program is there are left
alone, as Debian's own do. Source: systemd.service(5), crontab(5), MITRE ATT&CK T1070.004.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.health.units import lost_programs
from imgtools.guest.services.cron_tables import PROGRAM, root_lines
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

# A command that asks first: test -x, [ -x ], if, command -v, or goes on where it fails.
ASKS = re.compile(r"(^|\s)(test|\[|\[\[|if|command|which)\s|\|\|")
ADVICE = "find out what it was; remove the reference, or bring the program back"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each service, and each line of cron, whose program is not there."""
    for one in lost_programs(examined.files):
        yield Flaw(
            f"{one.unit} starts {one.program}, which is not there",
            one.path,
            one.line,
            one.program,
            advice=ADVICE,
        )
    for path, number, command in root_lines(examined.files):
        found = PROGRAM.match(command)
        if found and not ASKS.search(command) and not examined.files.exists(found[1]):
            yield Flaw(f"cron starts {found[1]}, which is not there", path, number, found[1], advice=ADVICE)


CHECK = Check(
    title="What runs by itself is there",
    severity=Level.LOW,
    look=look,
    references=("MITRE ATT&CK T1070.004",),
)
