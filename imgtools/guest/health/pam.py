"""The modules that PAM's files name, pam.d(5), as PAM asks them, and whether they are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d")
MODULES = ("/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security")
SERVICES = ("login", "sshd", "sudo", "su", "systemd-user")
VITAL = ("login", "sshd")
LIMIT = 1 << 20
DEEPEST = 16
LONGEST = 8192  # letters of the arguments of one module
MOST_FILES = 100  # that are read for one service
LINE = re.compile(r"(-?)(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)$")


@dataclass(frozen=True, slots=True)
class LostModule:
    """A module, or a file that is included, that is not there. ``stops``: nobody gets in because of it."""

    path: str
    line: int
    name: str
    service: str
    stops: bool
    is_file: bool = False


class PamRule(NamedTuple):
    """One line that asks a module; ``included`` is not None for one that takes the lines of another file."""

    path: str
    line: int
    kind: str
    control: str
    module: str
    arguments: tuple[str, ...] = ()
    is_quiet: bool = False  # a module that is not there is no error
    included: str | None = None

    @property
    def name(self) -> str:
        """The module's name: ``pam_unix``."""
        return self.module.rpartition("/")[2].removesuffix(".so")

    def argument(self, name: str) -> str | None:
        """Return the value of the last argument ``name=value``; None if there is none."""
        found = [
            one.partition("=")[2] for one in self.arguments if one.partition("=")[0] == name and "=" in one
        ]
        return found[-1] if found else None


def lost_modules(files: GuestReader) -> Iterator[LostModule]:
    """Yield what the services that let people in name and does not exist, each once."""
    folders = [*MODULES, *files.glob("/lib/*-linux-*/security"), *files.glob("/usr/lib/*-linux-*/security")]
    there = {entry.name for folder in folders if files.is_dir(folder) for entry in files.list_dir(folder)}
    if not any(name.startswith("pam_") for name in there):
        return
    seen: set[tuple[str, bool]] = set()
    for service in SERVICES:
        for one in _of_file(files, service, service, there, 0):
            if (one.name, one.stops) not in seen:
                seen.add((one.name, one.stops))
                yield one


def _path(files: GuestReader, name: str) -> str:
    if name.startswith("/"):
        return name if files.is_file(name) else ""
    return next((f"{folder}/{name}" for folder in FOLDERS if files.is_file(f"{folder}/{name}")), "")


def _of_file(
    files: GuestReader, name: str, service: str, there: set[str], depth: int
) -> Iterator[LostModule]:
    for rule in rules_of(files, name, depth):
        if rule.included is not None:
            if not rule.included:
                lost = LostModule(rule.path, rule.line, rule.module, service, service in VITAL, is_file=True)
                yield lost
            continue
        if not rule.is_quiet and rule.control != "optional" and not _is_there(files, rule.module, there):
            stops = service in VITAL and _stops(rule.control, rule.module)
            yield LostModule(rule.path, rule.line, rule.module, service, stops)


def service_rules(files: GuestReader, service: str, kind: str) -> Iterator[PamRule]:
    """Yield the modules of a service as PAM asks them, files that are included in their place.

    :param kind: ``auth``, ``account``, ``password`` or ``session``. A service without a file is treated as ``other``.
    """
    name = service if _path(files, service) else "other"
    yield from (one for one in rules_of(files, name, kind=kind) if one.included is None)


def rules_of(files: GuestReader, name: str, depth: int = 0, kind: str = "") -> Iterator[PamRule]:
    """Yield the rules of a file, those that it includes in their place.

    An include gives the rules of its own kind alone, ``@include`` those of all. Where a file is included, a rule with
    ``included`` is yielded first: its path, "" if there is none.

    :param kind: yield only these; "" all.
    """
    yield from _rules(files, name, depth, kind, _Count())


class _Count:
    """How many files were read."""

    def __init__(self) -> None:
        self.files = 0


def _rules(files: GuestReader, name: str, depth: int, kind: str, count: _Count) -> Iterator[PamRule]:
    path = _path(files, name)
    if not path or depth > DEEPEST or files.stat(path).size > LIMIT:
        return
    count.files += 1
    if count.files > MOST_FILES:
        raise OddGuest(
            f"{path}: more than {MOST_FILES} files of PAM are included", hint="they include each other"
        )
    true_path = files.resolve(path)
    for number, line in _logical_lines(files.read_text(path, limit=LIMIT)):
        if line.startswith("@include"):
            words = line.split()
            inner = words[1] if len(words) > 1 else ""
            yield from _included(files, PamRule(true_path, number, kind, "@include", inner), depth, count)
            continue
        match = LINE.match(line)
        if match is None or (kind and match[2] != kind):
            continue
        rule = PamRule(true_path, number, match[2], match[3], match[4], _arguments(match[5]), bool(match[1]))
        if rule.control in ("include", "substack"):
            yield from _included(files, rule, depth, count)
        else:
            yield rule


def _included(files: GuestReader, rule: PamRule, depth: int, count: _Count) -> Iterator[PamRule]:
    if rule.module and "$" not in rule.module:
        yield rule._replace(included=_path(files, rule.module))
        yield from _rules(files, rule.module, depth + 1, rule.kind, count)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their number; a backslash at the end goes on in the next, and a # begins a comment."""
    held, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first if held else number
        if line.endswith("\\"):
            held += f"{line[:-1]} "
            continue
        yield first, re.sub(r"(?:^|\s)#.*$", "", held + line).strip()
        held = ""
    if held:
        yield first, held.strip()


def _arguments(text: str) -> tuple[str, ...]:
    """Split a module's arguments; one with spaces stands in square brackets."""
    if len(text) > LONGEST:
        return tuple(text.split())
    return tuple(one.strip("[]") for one in re.findall(r"\[(?:\\\]|[^\]])*\]|\S+", text))


def _stops(control: str, module: str) -> bool:
    """Whether nobody gets in without a module; without the one for passwords never."""
    return module.endswith("pam_unix.so") or (control != "sufficient" and "default=ignore" not in control)


def _is_there(files: GuestReader, module: str, there: set[str]) -> bool:
    if "$ISA" in module:
        return module.rpartition("/")[2] in there
    return files.is_file(module) if module.startswith("/") else module in there
