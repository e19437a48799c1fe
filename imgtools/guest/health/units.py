"""The units of a systemd guest: what it starts, what of it is forbidden or not there, what does not parse.

Sources: systemd.unit(5), systemd.service(5), systemd.special(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.services.started import (
    ADMIN_UNITS,
    MAX_FOLDERS,
    UNIT_LIMIT,
    VENDOR_UNITS,
    enabled_units,
    is_masked,
    unit_path,
)
from imgtools.records.files import FileKind

# Without these nobody gets to a login; with the second ones missing, somebody may.
VITAL = (
    "sysinit.target",
    "basic.target",
    "local-fs.target",
    "systemd-udevd.service",
    "systemd-journald.service",
)
NEEDED = (
    "multi-user.target",
    "getty.target",
    "systemd-logind.service",
    "systemd-user-sessions.service",  # removes what forbids others than root to log in while the system boots
    "dbus.service",
    "dbus.socket",
    "dbus-broker.service",
)
# Targets that are no place to stay at.
ENDING = (
    "poweroff.target",
    "halt.target",
    "reboot.target",
    "kexec.target",
    "shutdown.target",
    "final.target",
)
RESCUING = ("emergency.target", "rescue.target")
# Enabled services whose link, if it leads nowhere, keeps people out.
WAYS_IN = ("ssh.service", "sshd.service", "sshd.socket", "ssh.socket", "NetworkManager.service", "networking.service",
           "systemd-networkd.service", "wicked.service", "network.service")  # fmt: skip
PREFIXES = "-@:+!|"  # of a command line: systemd.service(5), table "Special executable prefixes"
MOST_UNITS = 500


def default_target(files: GuestReader) -> tuple[str, str, bool]:
    """Return the link that says what is started, where it leads, and whether that is there; "" if there is none."""
    for folder in (ADMIN_UNITS, *VENDOR_UNITS):
        path = f"{folder}/default.target"
        found = files.lstat(path)
        if found is not None and found.kind is FileKind.LINK:
            target = files.read_link(path)
            return path, target, files.is_file(path) or bool(unit_path(files, target.rpartition("/")[2]))
        if found is not None:
            return path, path, True
    return "", "", False


def masked(files: GuestReader, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the units that the administrator forbade."""
    return tuple(name for name in names if is_masked(files, name))


def missing_vital(files: GuestReader) -> tuple[str, ...]:
    """Return the units that are not there and without which nothing is started."""
    return tuple(name for name in VITAL if not unit_path(files, name) and not is_masked(files, name))


def lost_ways_in(files: GuestReader) -> Iterator[tuple[str, str]]:
    """Yield enabled services that let people in and whose link leads nowhere: the link and its target."""
    for path in files.glob(f"{ADMIN_UNITS}/*.{{wants,requires}}/*"):
        name = path.rpartition("/")[2]
        found = files.lstat(path)
        if found is None or found.kind is not FileKind.LINK or files.exists(path):
            continue
        if (name in WAYS_IN or "/default.target.requires/" in path) and not unit_path(files, name):
            yield path, files.read_link(path)


# -- what units say ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A setting of a unit, or a line that is none (``key`` is empty)."""

    path: str
    line: int
    section: str
    key: str
    value: str


def unit_lines(files: GuestReader, path: str) -> Iterator[UnitLine]:
    """Yield the settings of a unit or a drop-in; continued lines are one."""
    if not files.is_file(path) or files.stat(path).size > UNIT_LIMIT:
        return
    section, text, start = "", "", 0
    for number, line in enumerate(files.read_text(path, limit=UNIT_LIMIT).split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")) or (not stripped and not text):
            continue
        start = start or number
        text += stripped.removesuffix("\\")
        if stripped.endswith("\\"):
            text += " "
            continue
        if text.startswith("["):
            section = text[1:-1] if text.endswith("]") else ""
            if not text.endswith("]"):
                yield UnitLine(path, start, "", "", text)
        else:
            key, equals, value = text.partition("=")
            yield UnitLine(
                path, start, section, key.strip() if equals else "", value.strip() if equals else text
            )
        text, start = "", 0


def odd_lines(files: GuestReader) -> Iterator[UnitLine]:
    """Yield the lines of the administrator's units and drop-ins that systemd does not take."""
    for path in _own_files(files):
        for line in unit_lines(files, path):
            if not line.key or not line.section:
                yield line


def _own_files(files: GuestReader) -> Iterator[str]:
    if not files.is_dir(ADMIN_UNITS):
        return
    for entry in files.list_dir(ADMIN_UNITS)[: MAX_FOLDERS * 4]:
        path = f"{ADMIN_UNITS}/{entry.name}"
        if (
            entry.stat.kind is FileKind.FILE
            and entry.stat.size
            and re.search(r"\.(service|mount|socket|target|timer)$", path)
        ):
            yield path
        elif entry.name.endswith(".d") and entry.stat.kind is FileKind.DIRECTORY:
            yield from (f"{path}/{one.name}" for one in files.list_dir(path) if one.name.endswith(".conf"))


@dataclass(frozen=True, slots=True)
class LostProgram:
    """A service that is started and whose program is not there."""

    unit: str
    path: str
    line: int
    program: str


def lost_programs(files: GuestReader) -> Iterator[LostProgram]:
    """Yield the enabled services whose program is not there."""
    for unit in enabled_units(files)[:MOST_UNITS]:
        if not unit.endswith(".service"):
            continue
        lines = service_lines(files, unit)
        conditions = " ".join(one.value for one in lines if one.key.startswith(("Condition", "Assert")))
        for one in _commands(lines):
            program = one.value.lstrip(PREFIXES).split(" ")[0].strip("\"'")
            is_plain = program.startswith("/") and not re.search(r"[%$\\]", program)
            if (
                is_plain
                and "-" not in _prefix(one.value)
                and program not in conditions
                and not files.exists(program)
            ):
                yield LostProgram(unit, one.path, one.line, program)


def _prefix(value: str) -> str:
    return value[: len(value) - len(value.lstrip(PREFIXES))]


def service_lines(files: GuestReader, unit: str) -> list[UnitLine]:
    """Return the settings of a unit and its drop-ins, in their order."""
    template = re.sub(r"@.+(?=\.\w+$)", "@", unit)
    path = unit_path(files, unit) or unit_path(files, template)
    found = list(unit_lines(files, path)) if path else []
    for folder in (*reversed(VENDOR_UNITS), ADMIN_UNITS):
        for name in dict.fromkeys((template, unit)):
            if files.is_dir(f"{folder}/{name}.d"):
                for entry in files.list_dir(f"{folder}/{name}.d"):
                    if entry.name.endswith(".conf"):
                        found += unit_lines(files, f"{folder}/{name}.d/{entry.name}")
    return found


def _commands(lines: list[UnitLine]) -> list[UnitLine]:
    """Return the ExecStart= that count: an empty one takes away those before it."""
    found: list[UnitLine] = []
    for one in lines:
        if one.section == "Service" and one.key == "ExecStart":
            found = [*found, one] if one.value else []
    return found


def twice_started(files: GuestReader) -> Iterator[tuple[str, UnitLine]]:
    """Yield services with two commands that are not Type=oneshot: systemd refuses them, and the drop-in's line."""
    for path in _own_files(files):
        folder, _, name = path.rpartition("/")
        unit = folder.rpartition("/")[2].removesuffix(".d") if folder.endswith(".d") else name
        if not unit.endswith(".service"):
            continue
        lines = service_lines(files, unit)
        commands = _commands(lines)
        kinds = [one.value for one in lines if one.section == "Service" and one.key == "Type"]
        if len(commands) > 1 and "oneshot" not in kinds[-1:] and commands[-1].path == path:
            yield unit, commands[-1]
