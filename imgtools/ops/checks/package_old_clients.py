"""The clients of services with passwords in clear text are not there to be used.

Who has telnet and rsh at hand uses them; SSH does what they do. Source: the manuals of inetutils and netkit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

FOLDERS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin")


@dataclass(frozen=True, slots=True)
class Params:
    """``names`` are the programs that should not be there."""

    names: tuple[str, ...] = ("telnet", "rsh", "rlogin", "rexec", "ftp", "tftp", "talk", "ypcat")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield those of the programs that are there."""
    seen: set[str] = set()
    for path in (f"{folder}/{name}" for name in params.names for folder in FOLDERS):
        if examined.files.is_file(path) and (true := examined.files.resolve(path)) not in seen:
            seen.add(true)
            yield Flaw(
                f"a client that sends passwords in clear text is installed: {path.rpartition('/')[2]}",
                path,
                advice="remove its package",
            )


CHECK = Check(
    title="No clients are installed that send passwords in clear text",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 2.2", "ANSSI R58"),
)
