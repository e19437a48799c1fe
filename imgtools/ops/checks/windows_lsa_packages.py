"""Windows' own packages check passwords, and no others.

What is named in Lsa as an authentication, security or notification package is loaded where passwords pass by, and is
told them; attackers put theirs there (MITRE ATT&CK T1547.002, T1547.005, T1556.002). Programs for smart cards and for
password rules name theirs here too: ``allow`` them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import hive_flaw
from imgtools.ops.windows_persistence import foreign_packages
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``allow``: packages of others that a site uses."""

    allow: tuple[str, ...] = ()


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each package that is not Windows' own."""
    for one in foreign_packages(examined):
        if one.package.lower() not in map(str.lower, params.allow):
            text = f"{one.package} is loaded where passwords are checked"
            yield hive_flaw(examined, one.key, rf"{one.name}\{one.package}", text)


CHECK = Check(
    title="Only Windows' own packages check passwords",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 SI-7",),
)
