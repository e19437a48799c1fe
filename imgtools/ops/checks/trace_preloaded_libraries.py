"""No library is put before all others in every program.

/etc/ld.so.preload makes each program load a library first, which can hide files, connections and itself; rootkits of
user space use it, and hardly anybody else does. Source: ld.so(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATH = "/etc/ld.so.preload"
LIMIT = 64 << 10  # bytes


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each library that is preloaded."""
    if not examined.files.is_file(PATH):
        return
    for number, line in enumerate(examined.files.read_text(PATH, limit=LIMIT).splitlines(), 1):
        for library in line.partition("#")[0].replace(":", " ").split():
            there = "" if examined.files.exists(library) else ", which is not there"
            yield Flaw(
                f"every program loads {library}{there}",
                PATH,
                number,
                library,
                advice="look at the library before all else",
            )


CHECK = Check(
    title="No library is put before all others in every program",
    severity=Level.HIGH,
    look=look,
    families=LINUX,
    references=("MITRE ATT&CK T1574.006",),
)
