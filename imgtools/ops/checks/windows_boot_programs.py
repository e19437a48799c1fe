r"""Nothing but the check of the disks runs before Windows is up.

What BootExecute, SetupExecute and Execute of the Session Manager name runs before anything looks at it (MITRE ATT&CK
T1547; "Autoruns", learn.microsoft.com). Windows has "autocheck autochk" there; defragmenters and programs for disks
add theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import CONTROL, held, hive_flaw
from imgtools.records.audit import Level

KEY = rf"{CONTROL}\Session Manager"
NAMES = (
    "BootExecute",
    "BootExecuteNoPnpSync",
    "SetupExecute",
    "Execute",
    "S0InitialCommand",
    "PlatformExecute",
)
# With what chkntfs and chkdsk add to it: "autochk" in "Windows commands" (learn.microsoft.com).
OWN = re.compile(r"autocheck auto(?:chk|conv|fmt)(?: [^\s]+)*", re.IGNORECASE)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each list that names another program."""
    values = held(examined).values(KEY)
    for name in NAMES:
        others = [one for one in values.texts(name) if not OWN.fullmatch(" ".join(one.split()))]
        if others:
            text = "another program runs before Windows is up"
            yield hive_flaw(examined, KEY, name, text, ", ".join(others))


CHECK = Check(
    title="Only the check of the disks runs before Windows is up",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 SI-7",),
)
