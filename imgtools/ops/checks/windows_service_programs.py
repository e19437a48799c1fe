r"""Programs of services lie in Windows or Program Files, where only administrators write.

A service runs with rights that users have not, so who may change its program has them. What is made in a folder of
its own in C:\ can be changed by everybody who is logged on, unless somebody took that right away (MITRE ATT&CK
T1574.010). The rights of files are not read: the finding says where the program lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import SERVICES, flaw, services
from imgtools.ops.windows_persistence import where_from
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``allow``: services whose folders are known to be closed to users."""

    allow: tuple[str, ...] = ()


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each service and driver that may start and whose program lies elsewhere."""
    allowed = {one.casefold() for one in params.allow}
    for one in services(examined):
        if one.start == "disabled" or one.name.casefold() in allowed:
            continue
        for path in (one.file, one.library):
            place = where_from(path.replace("/", "\\")) if path else ""
            if place:
                yield flaw(
                    examined,
                    rf"{SERVICES}\{one.name}",
                    "",
                    f"the program of {one.name} lies {place}",
                    evidence=f"{path}, as {one.account or 'LocalSystem'}, {one.start or 'unknown'} start",
                    advice=f'see who may write there: icacls "{path.replace("/", chr(92))}"',
                )
                break


CHECK = Check(
    title="Programs of services lie where only administrators write",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 CM-5",),
)
