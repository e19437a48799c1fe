"""Rules of udev that run programs are of packages.

A rule with RUN+= or PROGRAM= runs as root whenever a device appears, an hour or a year later. Source: udev(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.owned_checks import owned
from imgtools.ops.secret_checks import lines_that_match, matching_files
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

RUNS = re.compile(r"^\s*[^#].*\b(RUN(\{program\})?\s*\+?=|PROGRAM\s*=)")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each rule of the administrator's folder that runs a program and that no package owns."""
    for path in matching_files(examined.files, "/etc/udev/rules.d/*.rules"):
        owners = examined.once(owned)
        if owners is not None and path in owners:
            continue
        for line in lines_that_match(examined.files, path, RUNS):
            yield Flaw("a rule runs a program when a device appears", path, line, advice="see what it runs")


CHECK = Check(
    title="Rules of udev that run programs are of packages",
    severity=Level.MEDIUM,
    look=look,
    families=LINUX,
    references=("MITRE ATT&CK T1546.017",),
)
