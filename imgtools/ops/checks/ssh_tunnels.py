"""Nobody makes a network of his own through SSH.

PermitTunnel lets root of another machine join the two networks beneath every firewall. The default is no. Source:
sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server makes no tunnels",
    severity=Level.MEDIUM,
    look=setting(
        "PermitTunnel",
        one_of(("yes", "point-to-point", "ethernet"), "networks may be joined through the SSH server"),
        advice="where nobody needs it: PermitTunnel no",
    ),
    references=("NIST 800-53 CM-7",),
)
