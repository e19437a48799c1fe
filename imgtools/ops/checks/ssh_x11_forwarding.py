"""X11 is not forwarded.

A server that shows programs on the screen of whoever logs in opens a way from the server to that screen: another who
is root there can read and type. Debian turns it on, and servers seldom need it. Source: sshd_config(5),
X11Forwarding.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.ssh_checks import always_better, one_of, setting
from imgtools.records.audit import Level

CHECK = Check(
    title="The SSH server forwards no X11",
    severity=Level.LOW,
    look=setting("X11Forwarding", one_of(("yes",), "the SSH server forwards X11"), always_better("no")),
    references=("NIST 800-53 CM-7",),
)
