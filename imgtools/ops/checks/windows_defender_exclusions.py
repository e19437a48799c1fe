r"""Microsoft Defender leaves no folder, program or kind of file out that malware could use.

What is left out is where malware goes (MITRE ATT&CK T1562.001). Whole drives, folders of Windows and of users, and
kinds of programs weigh most; what a site leaves out on purpose is named in ``allow``. Source: "Configure custom
exclusions for Microsoft Defender Antivirus" (learn.microsoft.com).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import held, hive_flaw, shown
from imgtools.records.audit import Level

KINDS = ("Paths", "Processes", "Extensions", "IpAddresses", "TemporaryPaths")
WIDE = re.compile(
    r"^\*?\.?(?:exe|dll|sys|ps1|psm1|bat|cmd|com|scr|js|jse|vbs|vbe|hta|wsf|msi|\*)$"
    r"|^[a-z]:\\?\*?$"
    r"|^(?:[a-z]:\\|%systemroot%|%windir%)?(?:windows|users|programdata|program files(?: \(x86\))?)?\\?\*?$"
    r"|\\(?:system32|temp|tmp|downloads|appdata|public)\\?\*?$|%te?mp%|%appdata%|%localappdata%"
    r"|(?:^|\\)(?:powershell|pwsh|cmd|wscript|cscript|mshta|rundll32|regsvr32)\.exe$",
    re.IGNORECASE,
)
LONGEST = 1000  # letters that are looked at


@dataclass(frozen=True, slots=True)
class Params:
    """``allow``: what a site leaves out on purpose, as it stands there."""

    allow: tuple[str, ...] = ()


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each thing that is left out."""
    from imgtools.guest.windows.security import DEFENDER, DEFENDER_POLICY

    allowed = {one.casefold() for one in params.allow}
    for place in (DEFENDER, DEFENDER_POLICY):
        for kind in KINDS:
            key = rf"{place}\Exclusions\{kind}"
            for value in held(examined).values(key).values():
                if not value.name or value.name.casefold() in allowed:
                    continue
                severity = Level.HIGH if WIDE.search(value.name[:LONGEST]) else None
                text = f"Microsoft Defender leaves out {shown(value.name)}"
                yield hive_flaw(examined, key, value.name, text, severity=severity)


CHECK = Check(
    title="Microsoft Defender leaves nothing out",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    params=Params,
    references=("NIST 800-53 SI-3",),
)
