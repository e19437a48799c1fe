"""A shell that nobody uses ends.

Whoever sits down at a terminal that was left open has the rights of who left it. TMOUT ends a shell that waits for so
many seconds; what runs in it goes on. The fix puts it into a file of /etc/profile.d where the profile reads those, or
makes the number smaller. Source: bash(1), TMOUT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import WriteFile
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.login_checks import LIMIT, editing, shell_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many seconds."""

    most: int = 900


DROP_IN = "/etc/profile.d/zz-imgtools-tmout.sh"


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that shells do not end, or late."""
    files = examined.files
    if not files.is_file("/etc/profile"):
        yield NotThere("no /etc/profile")
        return
    found = list(shell_lines(files, r"(?:^|[\s;])(?:TMOUT|TIMEOUT)=(\d{1,9})\b"))
    if not found:
        reads = re.search(r"/etc/profile\.d", files.read_text("/etc/profile", limit=LIMIT)) is not None
        content = f"TMOUT={params.most}\nreadonly TMOUT\nexport TMOUT\n".encode()
        yield Flaw(
            "shells that nobody uses do not end",
            "/etc/profile",
            fix=always(WriteFile(DROP_IN, content, 0o644, 0, 0))
            if reads and files.is_dir("/etc/profile.d")
            else None,
            advice=f"TMOUT={params.most} in /etc/profile",
        )
    for path, number, match in found:
        if not 1 <= int(match[1]) <= params.most:
            yield Flaw(
                f"shells that nobody uses end after {match[1]} seconds (0: never)",
                path,
                number,
                evidence=match[0].strip(),
                fix=editing(path, rf"\bTMOUT={match[1]}\b", f"TMOUT={params.most}"),
            )


CHECK = Check(
    title="Shells that nobody uses end",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 5.4.3.2", "NIST 800-53 AC-11"),
)
