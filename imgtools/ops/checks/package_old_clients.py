"""The clients of services with passwords in clear text are not there to be used.

Who has telnet and rsh at hand uses them; SSH does what they do. Source: the manuals of inetutils and netkit.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.ops.check import Check
from imgtools.ops.program_checks import programs_there
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``names`` are the programs that should not be there."""

    names: tuple[str, ...] = ("telnet", "rsh", "rlogin", "rexec", "ftp", "tftp", "talk", "ypcat")


CHECK = Check(
    title="No clients are installed that send passwords in clear text",
    severity=Level.LOW,
    look=programs_there("a client that sends passwords in clear text is installed", "remove its package"),
    params=Params,
    references=("CIS Debian 12 2.2", "ANSSI R58"),
)
