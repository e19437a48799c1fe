"""What cron runs as root, only root can change.

A script in somebody's home, or in a folder that everybody may write to, makes that somebody root when its time comes.
Told is the first program of each line of root's tables. Source: crontab(5), inode(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.settings.trusted import who_else
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

LIMIT = 1 << 20
SYSTEM_TABLES = ("/etc/crontab", "/etc/cron.d/*")
ROOTS_TABLES = ("/var/spool/cron/{crontabs/,tabs/,}root",)
TIMES = r"(?:@\w+|(?:\S+\s+){4}\S+)\s+"
PROGRAM = re.compile(r"(?:^|[\s;&|(])(/[\w./+-]+)")
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
                    evidence=command[:200],
                    advice="give the program and the folders above it to root alone",
                )


def root_lines(files: GuestReader) -> Iterator[tuple[str, int, str]]:
    """Yield the file, the line and the command of everything that cron runs as root."""
    for patterns, has_user in ((SYSTEM_TABLES, True), (ROOTS_TABLES, False)):
        for path in (one for pattern in patterns for one in files.glob(pattern)):
            if not files.is_file(path):
                continue
            for number, line in enumerate(files.read_text(path, limit=LIMIT).split("\n"), 1):
                found = re.match(TIMES + (r"(\S+)\s+(.+)" if has_user else r"()(.+)"), line.strip()[:4096])
                if found and not line.lstrip().startswith("#") and found[1] in ("root", ""):
                    yield path, number, found[2]


CHECK = Check(
    title="Only root can change what cron runs as root",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 CM-5",),
)
