"""It is said who may log in over SSH.

Without AllowUsers or AllowGroups each account that has a password or a key may, also one that a package or a later
administrator makes. Who should, a person knows. Source: sshd_config(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import no_server, sshd_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

KEYWORDS = ("AllowUsers", "AllowGroups", "DenyUsers", "DenyGroups")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield that nothing says who may log in."""
    settings = examined.once(sshd_of)
    if settings is None:
        yield no_server(examined.files)
    elif not any(settings.said(keyword) for keyword in KEYWORDS):
        yield Flaw(
            "every account may log in over SSH that has a password or a key",
            settings.config,
            advice="AllowGroups with the groups of those who should",
        )


CHECK = Check(
    title="It is said who may log in over SSH",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 5.1.4", "NIST 800-53 AC-3"),
)
