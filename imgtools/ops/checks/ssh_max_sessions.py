"""One connection opens few sessions.

More than a person needs let one login take what the machine has. The default is 10. Source: sshd_config(5),
MaxSessions.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import at_most, parameter, setting
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: how many sessions are allowed."""

    most: int = 10


CHECK = Check(
    title="The SSH server allows few sessions on one connection",
    severity=Level.LOW,
    look=setting("MaxSessions", at_most("most", "one connection may open {} sessions"), parameter("most")),
    params=Params,
    references=("CIS Debian 12 5.1.17", "NIST 800-53 SC-5"),
)
