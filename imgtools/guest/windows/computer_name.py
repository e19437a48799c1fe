"""The name of a Windows machine: where its registry keeps it, and where its setup is told it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, RegistrySet
from imgtools.errors import UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.answers import SHELL, SPECIALIZE, answer_changes, waits_for_setup
from imgtools.guest.windows.registry import MACHINE, open_registry
from imgtools.records.system import OsInfo

LONGEST = 15  # letters of a NetBIOS name: "Naming conventions in Active Directory" (learn.microsoft.com)
CONTROL = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\ComputerName"
TCPIP = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"


def require_computer_name(name: str) -> None:
    """Refuse what no Windows takes.

    :raises UsageError: it is longer than 15 letters, has others than letters, digits and hyphens, or is a number.
    """
    if (
        len(name) > LONGEST
        or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", name)
        or name.isdigit()
    ):
        raise UsageError(
            f"not a computer name of Windows: {name!r}",
            hint=f"letters, digits and hyphens, at most {LONGEST}, and not digits alone",
        )


def name_changes(files: GuestReader, os: OsInfo, name: str) -> Iterator[Change]:
    """Yield what gives the machine a name; of one that waits for its setup, also the answer that setup asks for.

    :raises UsageError: it is no name.
    :raises OddGuest: a hive, or the answers that are there, do not parse.
    """
    require_computer_name(name)
    with open_registry(files, os.windows_systemroot) as registry:
        for key, value, text in (
            (rf"{CONTROL}\ComputerName", "ComputerName", name.upper()),
            (TCPIP, "Hostname", name),
            (TCPIP, "NV Hostname", name),
        ):
            place = registry.place(key)
            yield RegistrySet(place.path, place.key, value, text=text)
        active = rf"{CONTROL}\ActiveComputerName"
        if registry.find(active) is not None:
            place = registry.place(active)
            yield RegistrySet(place.path, place.key, "ComputerName", text=name.upper())
        if waits_for_setup(registry):
            yield from answer_changes(
                files,
                os,
                lambda answers: answers.set(SPECIALIZE, SHELL, "ComputerName", text=name),
                f"answers for setup: the name {name}",
            )
