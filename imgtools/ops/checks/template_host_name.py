"""A template has no host name of its own.

Clones that keep it are one name on several addresses. Source: hostname(5).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no host name of its own",
    severity=Level.LOW,
    look=sysprep_finds("the host name", "hostname", "net-hostname", "mail-names"),
    families=LINUX,
)
