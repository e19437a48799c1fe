"""No cipher is offered that can be read or changed on the way.

CBC modes let an attacker on the way recover text (CVE-2008-5161), RC4 and the 64-bit ciphers are broken (RFC 8758,
RFC 4253). A client that wants one gets it, as the client chooses. Source: sshd_config(5), Ciphers.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import ADVICE, rest_of, setting, without
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``weak``: patterns of algorithms that are not to be offered."""

    weak: tuple[str, ...] = ("*-cbc", "*-cbc@*", "arcfour*", "none")


CHECK = Check(
    title="The SSH server offers no weak ciphers",
    severity=Level.MEDIUM,
    look=setting("Ciphers", without("weak", "weak ciphers are offered: {}"), rest_of("weak"), ADVICE),
    params=Params,
    references=("CIS Debian 12 5.1.6", "NIST 800-53 SC-13"),
)
