"""Nothing runs by itself from a medium that is put in, of whatever kind.

A stick that is found runs its program before anybody has looked at it. By default some kinds of drives are left out
(0x91); 0xFF means all: "NoDriveTypeAutoRun" in "Enabling and Disabling AutoRun" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import CURRENT, Setting, settings
from imgtools.records.audit import Level


def _all_drives(found: int) -> bool:
    return found & 0xFF == 0xFF


CHECK = Check(
    title="Nothing runs by itself from a medium that is put in",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{CURRENT}\Policies\Explorer",
            "NoDriveTypeAutoRun",
            _all_drives,
            "programs of some kinds of drives start by themselves",
            default=0x91,
            to=0xFF,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
