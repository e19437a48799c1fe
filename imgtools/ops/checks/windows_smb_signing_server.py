"""The SMB server answers only what is signed, so that nobody between can change it, or relay a logon.

It is required by default on domain controllers, and since Windows 11 24H2 on clients but those of the Home edition:
"SMB signing" (learn.microsoft.com). On others it has to be said.
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN11_24H2, Release
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SERVICES, Setting, no_smb_server, not_number, settings
from imgtools.records.audit import Level


def _default(release: Release) -> int | None:
    if release.build < WIN11_24H2 or release.is_server:
        return 0
    return 0 if release.is_home else 1


CHECK = Check(
    title="The SMB server answers only what is signed",
    severity=Level.MEDIUM,
    look=settings(
        Setting(
            rf"{SERVICES}\LanmanServer\Parameters",
            "RequireSecuritySignature",
            not_number(0),
            "the SMB server takes what is not signed",
            default=_default,
            to=1,
        ),
        unless=no_smb_server,
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-8",),
)
