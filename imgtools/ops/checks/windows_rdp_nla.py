"""Remote Desktop asks for a name and password before it shows a desktop (network level authentication).

Without it everybody who reaches the port talks to the logon screen and the code behind it, as BlueKeep did
(CVE-2019-0708). UserAuthentication: "Remote Desktop Protocol settings" (learn.microsoft.com); Windows writes it when
it is set up, so what is meant where it is missing is not known.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import (
    CONTROL,
    POLICIES,
    Setting,
    no_remote_desktop,
    not_number,
    settings,
)
from imgtools.records.audit import Level

CHECK = Check(
    title="Remote Desktop asks for a name and password before it shows a desktop",
    severity=Level.HIGH,
    look=settings(
        Setting(
            rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp",
            "UserAuthentication",
            not_number(0),
            "Remote Desktop shows a desktop to whoever connects",
            default=None,
            to=1,
            policy=(rf"{POLICIES}\Windows NT\Terminal Services", "UserAuthentication"),
            since=VISTA,
        ),
        unless=no_remote_desktop,
    ),
    families=WINDOWS,
    references=("NIST 800-53 AC-17",),
)
