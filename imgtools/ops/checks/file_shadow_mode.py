"""The hashes of passwords can be read by root alone, or by the group that checks them.

Whoever reads a hash can guess the password without the machine noticing. Debian's shadow(5) gives /etc/shadow to the
group shadow with mode 0640, the Red Hat family keeps it at 0000.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PATHS = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-")
ALLOWED = 0o640


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the files of hashes that give more rights than root, and the group that checks them, need."""
    there = [path for path in PATHS if examined.files.is_file(path)]
    if not there:
        yield NotThere("no shadow file")
    for path in there:
        mode = examined.files.stat(path).mode & 0o7777
        if mode & ~ALLOWED:
            yield Flaw(
                f"others than root may read or write {path}",
                path,
                evidence=f"mode {mode:04o}",
                fix=always(SetMode(path, mode & ALLOWED)),
            )


CHECK = Check(
    title="Only root and the group shadow may read the hashes of passwords",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-6", "NIST 800-53 IA-5"),
)
