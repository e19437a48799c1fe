"""A template has no state of cloud-init.

Where it is left, a clone takes itself for the machine that was set up already, and gets no keys and no name. Source:
cloud-init clean.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no state of cloud-init",
    severity=Level.HIGH,
    look=sysprep_finds("the state of cloud-init", "cloud-init"),
    families=LINUX,
)
