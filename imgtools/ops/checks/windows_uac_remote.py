"""Local administrators have no full rights over the network, so that one stolen password opens one machine.

With LocalAccountTokenFilterPolicy 1 whoever knows the password, or its hash, of a local administrator administers the
machine from afar; where clones share it, all of them: "UAC and remote restrictions" (learn.microsoft.com). Programs
that manage by local accounts over WinRM need it, so nothing is changed here.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SYSTEM_POLICIES, Setting, is_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Local administrators have no full rights over the network",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            SYSTEM_POLICIES,
            "LocalAccountTokenFilterPolicy",
            is_number(0),
            "local administrators have all rights over the network",
            default=0,
            advice="remove the value once nothing manages this machine by a local account",
            since=VISTA,
        ),
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 AC-6",
        "NIST 800-53 AC-17",
    ),
)
