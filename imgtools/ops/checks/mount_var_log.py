"""A /var/log of its own carries no devices, no set-user-ID programs, and runs no programs.

Nothing but text is written there. Source: mount(8), Filesystem Hierarchy Standard 3.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.mount_checks import Options, mounted_with_options
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params(Options):
    """``options`` are those that the mount should have."""

    options: tuple[str, ...] = ("nodev", "nosuid", "noexec")


CHECK = Check(
    title="/var/log is mounted with nodev, nosuid and noexec",
    severity=Level.LOW,
    look=mounted_with_options("/var/log"),
    params=Params,
    references=("CIS Debian 12 1.1.2.6", "ANSSI R28"),
)
