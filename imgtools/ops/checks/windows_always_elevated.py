r"""Packages of Windows Installer get no rights of their own accord.

With AlwaysInstallElevated in the policies of the machine and of a user, that user installs anything with all rights,
so every user is an administrator: "AlwaysInstallElevated" (learn.microsoft.com). Both have to be set; each alone is
half of the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import WINDOWS, NoParams
from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import POLICIES, each_user, flaw, held
from imgtools.records.audit import Level

NAME = "AlwaysInstallElevated"
MACHINE, OF_USER = rf"{POLICIES}\Windows\Installer", r"Software\Policies\Microsoft\Windows\Installer"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the policy of the machine, and those of users; together they weigh most."""
    registry = held(examined)
    keys = [MACHINE, *(rf"{user}\{OF_USER}" for user, _folder in each_user(examined))]
    said = [key for key in keys if registry.number(key, NAME) == 1]
    is_whole = MACHINE in said and len(said) > 1
    for key in said:
        yield flaw(
            examined,
            key,
            NAME,
            "packages of Windows Installer get all rights",
            evidence="1",
            severity=Level.CRITICAL if is_whole else None,
            to=0,
        )


CHECK = Check(
    title="Packages of Windows Installer get no rights by themselves",
    severity=Level.MEDIUM,
    look=look,
    families=WINDOWS,
    references=("NIST 800-53 CM-11",),
)
