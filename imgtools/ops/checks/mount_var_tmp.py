"""A /var/tmp of its own carries no devices, no set-user-ID programs, and runs no programs.

Everybody may write there, and what is there outlives a boot. dracut builds its images there and needs to run
programs, so there is no fix for noexec. Source: mount(8).
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
    title="/var/tmp is mounted with nodev, nosuid and noexec",
    severity=Level.LOW,
    look=mounted_with_options("/var/tmp"),
    params=Params,
    references=("CIS Debian 12 1.1.2.5", "ANSSI R28"),
)
