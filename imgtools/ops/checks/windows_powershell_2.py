"""PowerShell 2 cannot be started.

It logs no scripts and asks no scanner, so "powershell -version 2" is how attackers stay unseen (MITRE ATT&CK
T1562.010). It runs where both its own library and .NET 2 are there; Microsoft has retired it: "Windows PowerShell 2.0
deprecation".
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.paths import join
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

LIBRARY = "assembly/GAC_MSIL/System.Management.Automation/1.0.0.0__31bf3856ad364e35/System.Management.Automation.dll"
RUNTIMES = tuple(f"Microsoft.NET/{name}/v2.0.50727/mscorwks.dll" for name in ("Framework64", "Framework"))
FIRST_WITH_BOTH = (6, 2)  # since Windows 8 there is a later one beside it


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the library if it can be run."""
    files, os = examined.files, examined.system.os
    if os.major and (os.major, os.minor) < FIRST_WITH_BOTH:
        yield NotThere("this Windows has no later one")
        return
    path = join(os.windows_systemroot, LIBRARY)
    if files.is_file(path) and any(files.is_file(join(os.windows_systemroot, one)) for one in RUNTIMES):
        advice = "turn the feature MicrosoftWindowsPowerShellV2Root off"
        yield Flaw("PowerShell 2 can be started", path, advice=advice)


CHECK = Check(
    title="PowerShell 2 cannot be started",
    severity=Level.LOW,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-7",),
)
