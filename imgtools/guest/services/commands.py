"""The programs that the units of a guest run, and as whom: systemd.service(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.health.units import PREFIXES, UnitLine, service_lines

COMMANDS = (
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecCondition",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
)
RIGHTS = re.compile(r"[+!]")  # of the prefixes: these run with all rights, whoever User= says


@dataclass(frozen=True, slots=True)
class Command:
    """A program of a unit: where it is said, and the user whom it runs as; "root" where nothing else is said."""

    unit: str
    program: str
    line: UnitLine
    user: str = "root"


@dataclass(frozen=True, slots=True)
class Service:
    """What a service says of itself: the last value of each key of [Service], and its programs."""

    unit: str
    values: dict[str, str]
    commands: tuple[Command, ...]

    @property
    def user(self) -> str:
        """Whom it runs as; "" for one that systemd makes up for it."""
        dynamic = self.values.get("DynamicUser", "").lower() in ("yes", "true", "1", "on")
        return "" if dynamic else self.values.get("User", "") or "root"


def read_service(files: GuestReader, unit: str) -> Service:
    """Read a service and its drop-ins; an empty command takes away those before it."""
    lines = service_lines(files, unit)
    values = {one.key: one.value for one in lines if one.section == "Service"}
    service = Service(unit, values, ())
    return Service(unit, values, tuple(_commands(unit, lines, service.user)))


def _commands(unit: str, lines: list[UnitLine], user: str) -> Iterator[Command]:
    found: dict[str, list[UnitLine]] = {}
    for one in lines:
        if one.section == "Service" and one.key in COMMANDS:
            found[one.key] = [*found.get(one.key, ()), one] if one.value else []
    for line in (each for lines_of in found.values() for each in lines_of):
        bare = line.value.lstrip(PREFIXES)
        program = bare.split(" ")[0].strip("\"'")
        if program.startswith("/") and not re.search(r"[%$\\]", program):
            has_all = RIGHTS.search(line.value[: len(line.value) - len(bare)]) is not None
            yield Command(unit, program, line, "root" if has_all else user)
