"""No SSH key runs a command of its own for an account that may do more.

A key with command= runs that instead of a shell: meant for backups, and as good a place to hide one. environment= can
change what every program loads. Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import UNIX, NoParams
from imgtools.ops.secret_checks import in_homes, lines_that_match
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

RUNS = re.compile(r'^\s*(?!#)([\w-]+(="([^"\\]|\\.)*")?,)*(command|environment)="')


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each key that runs a command."""
    for path in in_homes(examined, ".ssh/authorized_keys", ".ssh/authorized_keys2"):
        for line in lines_that_match(examined.files, path, RUNS):
            yield Flaw(
                "a key runs a command, or sets the environment",
                path,
                line,
                advice="see what it runs, and for whom",
            )


CHECK = Check(
    title="No SSH key runs a command of its own",
    severity=Level.LOW,
    look=look,
    families=UNIX,
    references=("MITRE ATT&CK T1098.004",),
)
