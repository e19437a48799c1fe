"""Only administrators install printer drivers, and they are asked.

A driver runs with all rights, so whoever may install one owns the machine (PrintNightmare, CVE-2021-34527). Since
August 2021 only administrators may, unless the value says otherwise: KB5005652.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import POLICIES, Setting, is_number, not_number, settings
from imgtools.records.audit import Level

CHECK = Check(
    title="Only administrators install printer drivers",
    severity=Level.HIGH,
    look=settings(
        Setting(
            rf"{POLICIES}\Windows NT\Printers\PointAndPrint",
            "RestrictDriverInstallationToAdministrators",
            not_number(0),
            "everybody may install printer drivers",
            default=1,
            to=1,
        ),
        Setting(
            rf"{POLICIES}\Windows NT\Printers\PointAndPrint",
            "NoWarningNoElevationOnInstall",
            is_number(0),
            "printer drivers are installed without a question",
            default=0,
            to=0,
        ),
    ),
    families=WINDOWS,
    references=(
        "NIST 800-53 CM-7",
        "NIST 800-53 SI-2",
    ),
)
