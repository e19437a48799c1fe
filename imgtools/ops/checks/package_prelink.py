"""Programs are not changed by prelink.

It writes into every program and library, so that whether they are as packaged cannot be told, and takes randomness
out of their addresses. Source: prelink(8).
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

    names: tuple[str, ...] = ("prelink",)


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield those of the programs that are there."""
    seen: set[str] = set()
    for path in (f"{folder}/{name}" for name in params.names for folder in FOLDERS):
        if examined.files.is_file(path) and (true := examined.files.resolve(path)) not in seen:
            seen.add(true)
            yield Flaw(
                f"programs are changed for a faster start: {path.rpartition('/')[2]}",
                path,
                advice="prelink -ua, and remove the package",
            )


CHECK = Check(
    title="Programs are not changed by prelink",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 1.5.4", "NIST 800-53 SI-7"),
)
