"""The SMB client sends no passwords in the clear, and takes no server that lets everybody in as a guest.

A guest's session is neither signed nor encrypted, so what it brings may be anybody's. Since Windows 10 1709 it is
refused by the Enterprise and Education editions and by servers, since 24H2 by all but Home: "Enable insecure guest
logons in SMB2 and SMB3" (learn.microsoft.com).
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN11_24H2, WIN1709, Release
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import POLICIES, SERVICES, Setting, is_number, settings
from imgtools.records.audit import Level


def _default(release: Release) -> int | None:
    if release.is_server or release.edition.startswith(("Enterprise", "Education")):
        return 0
    return 0 if release.build >= WIN11_24H2 and not release.is_home else 1


CHECK = Check(
    title="The SMB client sends no plain passwords and takes no guests' sessions",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{SERVICES}\LanmanWorkstation\Parameters",
            "EnablePlainTextPassword",
            is_number(0),
            "passwords are sent in the clear to servers that ask for it",
            default=0,
            to=0,
            severity=Level.HIGH,
        ),
        Setting(
            rf"{SERVICES}\LanmanWorkstation\Parameters",
            "AllowInsecureGuestAuth",
            is_number(0),
            "servers that take everybody as a guest are trusted",
            default=_default,
            to=0,
            policy=(rf"{POLICIES}\Windows\LanmanWorkstation", "AllowInsecureGuestAuth"),
            since=WIN1709,
        ),
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 IA-5",
        "NIST 800-53 SC-8",
    ),
)
