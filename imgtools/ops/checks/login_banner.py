"""What is shown before the login does not say which system it is.

The name and version of the kernel and the distribution tell an attacker which mistakes to look for. getty puts them
in for the escapes of issue(5), telnet and SSH show issue.net. The words are the owner's, so it is no fix of a tool.
Source: agetty(8), ISSUE FILES.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.login_checks import says_system
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

FILES = ("/etc/issue", "/etc/issue.net", "/etc/issue.d/*.issue")
LIMIT = 1 << 16  # bytes of one file


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file that says it."""
    for pattern in FILES:
        for path in examined.files.glob(pattern):
            if not examined.files.is_file(path):
                continue
            for number, line in enumerate(examined.files.read_text(path, limit=LIMIT).split("\n"), 1):
                if says_system(line, examined.system.os):
                    yield Flaw(
                        f"{path} says which system this is",
                        path,
                        number,
                        evidence=line.strip()[:120],
                        advice="say only that the machine is not for everybody",
                    )
                    break


CHECK = Check(
    title="What is shown before the login does not say which system it is",
    severity=Level.LOW,
    look=look,
    references=("NIST 800-53 AC-8",),
)
