"""No storage at a USB port is taken by a server.

It carries data out and programs in, past the network and what watches it. Source: modprobe.d(5). For desktops, and
for servers whose backups go to USB disks, a policy leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.module_checks import Modules, modules_are_blocked
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params(Modules):
    """``names`` are the modules that should not be loaded."""

    names: tuple[str, ...] = ("usb_storage", "uas")


CHECK = Check(
    title="Storage at USB ports is not taken",
    severity=Level.LOW,
    look=modules_are_blocked("driver"),
    params=Params,
    references=("CIS Debian 12 1.1.1.9", "NIST 800-53 MP-7"),
)
