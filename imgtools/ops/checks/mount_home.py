"""A /home of its own carries no devices and no set-user-ID programs.

Users write there, or bring it from another machine, where they may be root. Source: mount(8).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.mount_checks import Options, mounted_with_options
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params(Options):
    """``options`` are those that the mount should have."""

    options: tuple[str, ...] = ("nodev", "nosuid")


CHECK = Check(
    title="/home is mounted with nodev and nosuid",
    severity=Level.LOW,
    look=mounted_with_options("/home"),
    params=Params,
    references=("CIS Debian 12 1.1.2.3", "ANSSI R28"),
)
