"""An account without a password cannot be logged in to over SSH.

With PermitEmptyPasswords whoever reaches the server and knows the name of such an account is in. The default is no.
Source: sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import always_better, one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server lets nobody in without a password or key",
    severity=Level.HIGH,
    look=setting(
        "PermitEmptyPasswords",
        one_of(("yes",), "accounts with an empty password may log in over SSH"),
        always_better("no"),
    ),
    references=("CIS Debian 12 5.1.19", "NIST 800-53 IA-5"),
)
