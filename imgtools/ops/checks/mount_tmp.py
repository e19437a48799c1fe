"""A /tmp of its own carries no devices, no set-user-ID programs, and runs no programs.

Everybody may write there, so it is where an attacker puts his. Some installers run scripts from /tmp (apt's debconf
does): whether noexec is right, a person knows, so there is no fix for it. Source: mount(8), systemd's tmp.mount.
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
    title="/tmp is mounted with nodev, nosuid and noexec",
    severity=Level.LOW,
    look=mounted_with_options("/tmp"),
    params=Params,
    references=("CIS Debian 12 1.1.2.1", "ANSSI R28"),
)
