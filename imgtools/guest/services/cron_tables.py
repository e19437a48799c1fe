"""What cron runs as root: the lines of root's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader

LIMIT = 1 << 20  # bytes of a table
SYSTEM_TABLES = ("/etc/crontab", "/etc/cron.d/*")
ROOTS_TABLES = ("/var/spool/cron/{crontabs/,tabs/,}root",)
TIMES = r"(?:@\w+|(?:\S+\s+){4}\S+)\s+"
PROGRAM = re.compile(r"(?:^|[\s;&|(])(/[\w./+-]+)")


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
