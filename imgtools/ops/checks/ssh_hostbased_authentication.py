"""Nobody is let in because of the machine that he comes from.

Whoever is root on a machine that is trusted may say there that he is any user. It is no fix of a tool: accounts may
have no other way in. Source: sshd_config(5), HostbasedAuthentication.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server trusts no other machines to say who somebody is",
    severity=Level.MEDIUM,
    look=setting(
        "HostbasedAuthentication",
        one_of(("yes",), "people may log in over SSH because of the machine that they come from"),
        advice="once everybody has a key: HostbasedAuthentication no",
    ),
    references=("CIS Debian 12 5.1.10", "NIST 800-53 IA-2"),
)
