"""Ports that are forwarded are for the machine itself.

With GatewayPorts others on the network reach what a user forwarded, past firewalls and without a login. The default
is no. Source: sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server forwards no ports for others on the network",
    severity=Level.MEDIUM,
    look=setting(
        "GatewayPorts",
        one_of(("yes", "clientspecified"), "forwarded ports are open for others on the network"),
        advice="where nobody needs it: GatewayPorts no",
    ),
    references=("NIST 800-53 CM-7",),
)
