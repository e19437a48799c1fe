"""A server has no compilers.

Whoever breaks in builds what he needs on the spot, for just this kernel and these libraries. A matter of servers;
where modules of the kernel are built (DKMS) they are needed. Source: each compiler's package.
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

    names: tuple[str, ...] = ("gcc", "cc", "clang", "g++", "c++", "tcc", "go", "rustc", "javac", "gfortran")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield those of the programs that are there."""
    seen: set[str] = set()
    for path in (f"{folder}/{name}" for name in params.names for folder in FOLDERS):
        if examined.files.is_file(path) and (true := examined.files.resolve(path)) not in seen:
            seen.add(true)
            yield Flaw(
                f"a compiler is installed: {path.rpartition('/')[2]}", path, advice="remove its package"
            )


CHECK = Check(
    title="No compilers are installed",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("ANSSI R58", "NIST 800-53 CM-7"),
)
