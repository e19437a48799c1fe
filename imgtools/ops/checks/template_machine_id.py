"""A template has no machine ID.

systemd derives DHCP identifiers, addresses and keys from it; machines with the same one are taken for one. Source:
machine-id(5), which tells to empty it in images.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no machine ID",
    severity=Level.HIGH,
    look=sysprep_finds("the machine ID", "machine-id"),
    families=LINUX,
)
