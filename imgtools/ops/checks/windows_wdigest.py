"""Windows keeps no passwords in the clear in memory for Digest authentication.

With UseLogonCredential 1 whoever has administrator's rights once reads the passwords of all who are logged on. It is
the default before Windows 8.1, and attackers set it: Microsoft Security Advisory 2871997.
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN81
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import CONTROL, Setting, is_number, settings, since
from imgtools.records.audit import Level

CHECK = Check(
    title="Windows keeps no passwords in the clear for Digest",
    severity=Level.HIGH,
    look=settings(
        Setting(
            rf"{CONTROL}\SecurityProviders\WDigest",
            "UseLogonCredential",
            is_number(0),
            "passwords of those who log on are kept in the clear",
            default=since(WIN81, 0, before=1),
            to=0,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)
