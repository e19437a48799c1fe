"""What cron runs as root, only root can change.

A script in somebody's home, or in a folder that everybody may write to, makes that somebody root when its time comes.
Told is the first program of each line of root's tables. Source: crontab(5), inode(7).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.services.cron_tables import PROGRAM, root_lines
from imgtools.guest.settings.trusted import who_else
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

MOST_LINES = 2000


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the programs of root's lines that others may change."""
    files = examined.files
    lines = list(root_lines(files))
    if not lines:
        yield NotThere("root has no tables of cron")
    if len(lines) > MOST_LINES:
        yield NotKnown(f"root's tables have more than {MOST_LINES} lines; the rest was not looked at")
    for path, number, command in lines[:MOST_LINES]:
        for program in dict.fromkeys(found[1] for found in PROGRAM.finditer(command)):
            if files.is_file(program) and (who := who_else(files, program)):
                yield Flaw(
                    f"root runs {program}, and {who}",
                    path,
                    number,
                    subject=program,
                    advice="give the program and the folders above it to root alone",
                )


CHECK = Check(
    title="Only root can change what cron runs as root",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 CM-5",),
)
