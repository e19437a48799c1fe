"""The event logs hold what happened in some weeks.

Windows writes over the oldest events: 20 MB of the security log of a server last hours. MaxSize is in bytes in the
key of the log and in KiB in a policy, which counts first: "Eventlog Key" (learn.microsoft.com), ADMX_EventLog. Where
it is not set, it is 20 MB since Vista.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import POLICIES, SERVICES, Setting, at_least, held, judged, since
from imgtools.records.audit import Level

BY_DEFAULT, OF_OLD = 20 << 20, 512 << 10
MOST = 4 << 20  # KiB, which is what 32 bits hold in bytes


@dataclass(frozen=True, slots=True)
class Params:
    """The least sizes in KiB: of the log ``security``, and of ``others``: application and system."""

    security: int = 196_608
    others: int = 32_768

    def __post_init__(self) -> None:
        if not 0 <= self.security < MOST or not 0 <= self.others < MOST:
            raise ValueError(f"a size in KiB is below {MOST}")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each log that is smaller."""
    for name, size in (
        ("Security", params.security),
        ("Application", params.others),
        ("System", params.others),
    ):
        policy = rf"{POLICIES}\Windows\EventLog\{name}"
        text = f"the log {name} holds less than {size} KiB"
        if held(examined).number(policy, "MaxSize") is not None:
            setting = Setting(policy, "MaxSize", at_least(size), text, default=None, to=size)
        else:
            setting = Setting(
                rf"{SERVICES}\EventLog\{name}",
                "MaxSize",
                at_least(size << 10),
                text,
                default=since(VISTA, BY_DEFAULT, before=OF_OLD),
                to=size << 10,
            )
        yield from judged(examined, setting)


CHECK = Check(
    title="The event logs are large enough",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 AU-4",),
)
