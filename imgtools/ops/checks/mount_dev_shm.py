"""Shared memory carries no devices, no set-user-ID programs, and runs no programs.

Everybody may write there, and nothing of it is on a disk: a good place to hide. systemd mounts it with nosuid and
nodev by itself, and programs that compile at run time may need to run code there. Source: mount-setup.c of systemd.
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
    title="/dev/shm is mounted with nodev, nosuid and noexec",
    severity=Level.LOW,
    look=mounted_with_options("/dev/shm"),
    params=Params,
    references=("CIS Debian 12 1.1.2.2", "ANSSI R28"),
)
