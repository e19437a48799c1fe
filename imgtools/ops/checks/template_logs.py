"""A template has no logs, login records and crash dumps of the machine it was made of.

They tell of people and addresses that the clone has nothing to do with, and mix with its own.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.template_checks import sysprep_finds
from imgtools.records.audit import Level

CHECK = Check(
    title="A template has no logs of the machine it was made of",
    severity=Level.LOW,
    look=sysprep_finds("a log of another machine", "logfiles", "utmp", "crash-data"),
    families=LINUX,
)
