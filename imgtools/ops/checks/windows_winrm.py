"""Windows Remote Management takes no passwords in the clear.

Basic authentication sends the password itself, and AllowUnencrypted lets it pass over HTTP: whoever hears it
administers the machine. Both are off by default: "Installation and configuration for Windows Remote Management"
(learn.microsoft.com). A policy counts before the service's own settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import CURRENT, POLICIES, Setting, is_number, judged, service
from imgtools.records.audit import Level

OWN, POLICY = rf"{CURRENT}\WSMAN", rf"{POLICIES}\Windows\WinRM"
ADVICE = "turn it off once nobody manages the machine so: programs of other systems may know nothing else"
BASIC = Setting(
    rf"{OWN}\Service",
    "auth_basic",
    is_number(0),
    "the service takes passwords themselves (Basic)",
    default=0,
    policy=(rf"{POLICY}\Service", "AllowBasic"),
    severity=Level.MEDIUM,
    advice=ADVICE,
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield what is allowed of the client, and of the service where it may start."""
    if service(examined, "WinRM") is not None:
        basic = tuple(judged(examined, BASIC))
        # Who manages the machine with Basic over HTTP would no longer reach it.
        yield from judged(examined, _unencrypted("Service", "the service", to=None if basic else 0))
        yield from basic
    yield from judged(examined, _unencrypted("Client", "the client", to=0))


def _unencrypted(side: str, who: str, to: int | None) -> Setting:
    return Setting(
        rf"{OWN}\{side}",
        "allow_unencrypted",
        is_number(0),
        f"{who} sends and takes what is not encrypted",
        default=0,
        to=to,
        policy=(rf"{POLICY}\{side}", "AllowUnencryptedTraffic"),
        advice=ADVICE,
    )


CHECK = Check(
    title="Remote Management takes no passwords in the clear",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 AC-17", "NIST 800-53 SC-8"),
)
