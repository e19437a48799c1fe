"""Users do not choose the environment that they log in with.

With PermitUserEnvironment a user whom a forced command or a restricted shell holds can leave it, for example with
LD_PRELOAD. The default is no. Source: sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import always_better, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server takes no environment from users",
    severity=Level.MEDIUM,
    look=setting(
        "PermitUserEnvironment",
        lambda value, params: "" if value.lower() == "no" else "users choose the environment of their logins",
        always_better("no"),
    ),
    references=("CIS Debian 12 5.1.21", "NIST 800-53 AC-6"),
)
