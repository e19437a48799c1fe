"""Network protocols that hardly anybody uses cannot be loaded.

A user without rights makes the kernel load them by asking for a socket, and their mistakes gave all rights more than
once (CVE-2017-6074 in DCCP, CVE-2021-43267 in TIPC). Source: modprobe.d(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.module_checks import Modules, modules_are_blocked
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params(Modules):
    """``names`` are the modules that should not be loaded."""

    names: tuple[str, ...] = ("dccp", "sctp", "rds", "tipc")


CHECK = Check(
    title="Network protocols that are not used cannot be loaded",
    severity=Level.LOW,
    look=modules_are_blocked("network protocol"),
    params=Params,
    references=("CIS Debian 12 3.2", "STIG RHEL-09-213060", "STIG RHEL-09-213065", "NIST 800-53 CM-7"),
)
