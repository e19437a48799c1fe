"""Keys of a session are agreed in a way that nobody can break later.

SHA-1 and groups of 1024 bits are within reach of a state. A session that was recorded can then be read. Source: RFC
9142, the methods that it says SHOULD NOT or MUST NOT be used; sshd_config(5), KexAlgorithms.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import ADVICE, rest_of, setting, without
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``weak``: patterns of algorithms that are not to be offered."""

    weak: tuple[str, ...] = ("diffie-hellman-*-sha1", "gss-*-sha1-*", "rsa1024-*")


CHECK = Check(
    title="The SSH server offers no weak key exchange",
    severity=Level.MEDIUM,
    look=setting(
        "KexAlgorithms", without("weak", "weak key exchanges are offered: {}"), rest_of("weak"), ADVICE
    ),
    params=Params,
    references=("CIS Debian 12 5.1.12", "NIST 800-53 SC-13"),
)
