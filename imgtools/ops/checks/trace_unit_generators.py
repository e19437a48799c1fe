"""Programs that make units at each boot are of packages.

A generator runs as root before anything else, and what it makes is seen in no folder of the disk. Source:
systemd.generator(7).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.owned_checks import not_owned
from imgtools.records.audit import Level

CHECK = Check(
    title="Programs that make units at each boot are of packages",
    severity=Level.HIGH,
    look=not_owned(
        "a generator of units",
        "find out where it is from, and what it makes",
        "/etc/systemd/system-generators/*",
        "/etc/systemd/user-generators/*",
        "/usr/local/lib/systemd/*-generators/*",
        "/usr/lib/systemd/*-generators/*",
        "/lib/systemd/*-generators/*",
    ),
    families=LINUX,
    references=("MITRE ATT&CK T1543.002",),
)
