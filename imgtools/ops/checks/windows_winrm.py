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


def _settings(side: str, who: str) -> Iterator[Setting]:
    yield Setting(
        rf"{OWN}\{side}",
        "allow_unencrypted",
        is_number(0),
        f"{who} sends and takes what is not encrypted",
        default=0,
        to=0,
        policy=(rf"{POLICY}\{side}", "AllowUnencryptedTraffic"),
    )


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield what is allowed of the client, and of the service where it may start."""
    if service(examined, "WinRM") is not None:
        for one in _settings("Service", "the service"):
            yield from judged(examined, one)
        yield from judged(
            examined,
            Setting(
                rf"{OWN}\Service",
                "auth_basic",
                is_number(0),
                "the service takes passwords themselves (Basic)",
                default=0,
                policy=(rf"{POLICY}\Service", "AllowBasic"),
                severity=Level.MEDIUM,
                advice="turn it off once nobody logs on so: programs of other systems may know nothing else",
            ),
        )
    for one in _settings("Client", "the client"):
        yield from judged(examined, one)


CHECK = Check(
    title="Remote Management takes no passwords in the clear",
    severity=Level.HIGH,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 AC-17", "NIST 800-53 SC-8"),
)
