"""Who logs in does not open ways through the machine.

A forwarded port passes firewalls in both directions, for whoever has an account. It is of use on a machine to jump
from, so it is no fix of a tool. Source: sshd_config(5), AllowTcpForwarding, DisableForwarding.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server forwards no ports",
    severity=Level.LOW,
    look=setting(
        "AllowTcpForwarding",
        one_of(("yes", "all", "local", "remote"), "whoever logs in over SSH may forward ports"),
        advice="where nobody needs it: AllowTcpForwarding no",
    ),
    references=("CIS Debian 12 5.1.8", "NIST 800-53 CM-7"),
)
