"""Windows looks for updates by itself, and takes them from a server that proves who it is.

NoAutoUpdate, a service that is disabled, and AUOptions 1 and 2 leave it to people; a server of updates over plain HTTP
lets whoever stands between send what runs with all rights: "Configure Group Policy settings for Automatic Updates"
(learn.microsoft.com). Who restarts machines at a time of their own installs otherwise: such a site skips this check.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import (
    CURRENT,
    POLICIES,
    SERVICES,
    Setting,
    at_least,
    flaw,
    held,
    hive_flaw,
    is_number,
    judged,
    services,
)
from imgtools.records.audit import Level

POLICY = rf"{POLICIES}\Windows\WindowsUpdate"
ASKS_TO_INSTALL = 3
ADVICE = "let it update by itself, or say who updates it"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield what keeps updates away, and a server that anybody can pretend to be."""
    registry = held(examined)
    own = next((one for one in services(examined) if one.name.lower() == "wuauserv"), None)
    if own is not None and own.start == "disabled":
        key = rf"{SERVICES}\{own.name}"
        yield flaw(examined, key, "Start", "the service of updates is disabled", evidence="4", advice=ADVICE)
    for name, wanted, default in (
        ("NoAutoUpdate", is_number(0), 0),
        ("AUOptions", at_least(ASKS_TO_INSTALL), 4),
    ):
        own_key = rf"{CURRENT}\WindowsUpdate\Auto Update"
        yield from judged(
            examined,
            Setting(
                own_key,
                name,
                wanted,
                "Windows does not get updates by itself",
                default=default,
                policy=(rf"{POLICY}\AU", name),
                advice=ADVICE,
            ),
        )
    server = registry.values(POLICY).text("WUServer")
    if registry.number(rf"{POLICY}\AU", "UseWUServer") and server.lower().startswith("http:"):
        text = "updates come from a server that does not prove who it is"
        yield hive_flaw(examined, POLICY, "WUServer", text, server)


CHECK = Check(
    title="Windows gets updates by itself, from a server that proves who it is",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-2",),
)
