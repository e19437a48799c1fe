"""Nobody logs in over SSH with a password alone.

Passwords can be guessed and are asked for by everybody on the internet; keys cannot. It is no fix of a tool: whoever
has no key yet would be locked out. Source: sshd_config(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server takes no passwords",
    severity=Level.LOW,
    look=setting(
        "PasswordAuthentication",
        one_of(("yes",), "people may log in over SSH with a password"),
        advice="once everybody has a key: PasswordAuthentication no",
    ),
    references=("NIST 800-53 IA-2",),
)
