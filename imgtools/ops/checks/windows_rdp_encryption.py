"""Remote Desktop encrypts with TLS, or strongly.

SecurityLayer 0 is RDP's own encryption, which cannot tell the server from who stands between; levels below 3 of it
take what an old client wants: "Win32_TSGeneralSetting class" (learn.microsoft.com). Where nothing is set, both sides
agree on the best they know.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import (
    CONTROL,
    POLICIES,
    Setting,
    at_least,
    no_remote_desktop,
    not_number,
    settings,
)
from imgtools.records.audit import Level

CHECK = Check(
    title="Remote Desktop encrypts with TLS, or strongly",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp",
            "SecurityLayer",
            not_number(0),
            "Remote Desktop does not use TLS",
            default=1,
            to=2,
            policy=(rf"{POLICIES}\Windows NT\Terminal Services", "SecurityLayer"),
            since=VISTA,
        ),
        Setting(
            rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp",
            "MinEncryptionLevel",
            at_least(2),
            "Remote Desktop encrypts in one direction only",
            default=2,
            to=3,
            policy=(rf"{POLICIES}\Windows NT\Terminal Services", "MinEncryptionLevel"),
        ),
        unless=no_remote_desktop,
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 AC-17",
        "NIST 800-53 SC-8",
    ),
)
