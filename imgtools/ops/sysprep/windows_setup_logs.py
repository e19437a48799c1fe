"""Remove what setup and servicing have logged: they name the machine, its users and their answers.

The answers themselves are those of windows-answers. What scripts of an earlier first boot have said goes too.
"""

from __future__ import annotations

from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import removing_from_windows

OPERATION = Operation(
    summary="Remove the logs of setup, servicing and drivers",
    families=WINDOWS,
    plan=removing_from_windows(
        "%/*.log",
        "%/Panther/*.log",
        "%/Panther/*.etl",
        "%/Panther/UnattendGC/*.log",
        "%/Logs/*/*.log",
        "%/Logs/*/*.cab",
        "%/Logs/*/*.etl",
        "%/inf/setupapi*.log",
        "%/debug/*.log",
        "%/SoftwareDistribution/ReportingEvents.log",
        "%/System32/Sysprep/Panther/*.log",
        "/ProgramData/imgtools/firstboot/*.log",
        "/ProgramData/imgtools/firstboot/*.exit",
    ),
)
