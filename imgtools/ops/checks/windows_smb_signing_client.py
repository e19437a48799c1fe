"""The SMB client wants answers that are signed, so that nobody between can change files on their way.

It is required by default since Windows 11 24H2 (but for the Home edition) and Windows Server 2025: "SMB signing"
(learn.microsoft.com). On others it has to be said.
"""

from __future__ import annotations

from imgtools.guest.windows.release import WIN11_24H2, Release
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import SERVICES, Setting, not_number, settings
from imgtools.records.audit import Level


def _default(release: Release) -> int | None:
    return 1 if release.build >= WIN11_24H2 and not release.is_home else 0


CHECK = Check(
    title="The SMB client wants what is signed",
    severity=Level.LOW,
    look=settings(
        Setting(
            rf"{SERVICES}\LanmanWorkstation\Parameters",
            "RequireSecuritySignature",
            not_number(0),
            "the SMB client takes what is not signed",
            default=_default,
            to=1,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 SC-8",),
)
