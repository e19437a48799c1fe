"""Nothing is started by rc.local.

It is run as root at each boot where it is executable, and no package puts anything into it: whatever stands there was
written by hand. Source: systemd-rc-local-generator(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.secret_checks import matching_files, text_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

HARMLESS = ("#", "exit", "touch /var/lock/subsys/local", "set -", "fi", "then", "else", "true", ":")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the first command of each rc.local that is run."""
    for path in matching_files(examined.files, "/etc/rc.local", "/etc/rc.d/rc.local"):
        if not examined.files.stat(path).mode & 0o111:
            continue
        lines = enumerate(text_of(examined.files, path).splitlines(), 1)
        found = [number for number, line in lines if line.strip() and not line.strip().startswith(HARMLESS)]
        if found:
            yield Flaw(
                f"{len(found)} line{'s' if len(found) > 1 else ''} of commands run at each boot",
                path,
                found[0],
                advice="make a unit of what is meant to run, which says what it is",
            )


CHECK = Check(
    title="Nothing is started by rc.local",
    severity=Level.LOW,
    look=look,
    families=LINUX,
    references=("MITRE ATT&CK T1037.004",),
)
