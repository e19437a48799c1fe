"""A template has no SSH host keys.

With the key of one clone the traffic to all others can be read and answered. They make their own at the first start
of the server. Source: sshd(8), ssh-keygen(1) -A.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no SSH host keys",
    severity=Level.HIGH,
    look=sysprep_finds("a host key of SSH", "ssh-hostkeys"),
    families=LINUX,
)
