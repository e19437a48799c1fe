"""A /var of its own carries no devices and no set-user-ID programs.

Services write there. Package managers keep no such programs in it; a chroot of a service (bind) has device nodes
there, so a person decides. Source: mount(8), Filesystem Hierarchy Standard 3.0.
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
    title="/var is mounted with nodev and nosuid",
    severity=Level.LOW,
    look=mounted_with_options("/var", mend=False),
    params=Params,
    references=("CIS Debian 12 1.1.2.4", "ANSSI R28"),
)
