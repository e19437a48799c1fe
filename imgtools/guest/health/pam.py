"""The modules that PAM's files name, pam.d(5), and whether they are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d")
MODULES = ("/lib/security", "/lib64/security", "/usr/lib/security", "/usr/lib64/security")
SERVICES = ("login", "sshd", "sudo", "su", "systemd-user")
VITAL = ("login", "sshd")
LIMIT = 1 << 20
DEEPEST = 16
LINE = re.compile(r"(-?)(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class LostModule:
    """A module, or a file that is included, that is not there. ``stops``: nobody gets in because of it."""

    path: str
    line: int
    name: str
    service: str
    stops: bool
    is_file: bool = False


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
    path = _path(files, name)
    if not path or depth > DEEPEST or files.stat(path).size > LIMIT:
        return
    for number, line in enumerate(files.read_text(path, limit=LIMIT).replace("\\\n", " ").split("\n"), 1):
        text = line.strip()
        if text.startswith("@include"):
            words = text.split()
            yield from _included(
                files, path, number, words[1] if len(words) > 1 else "", service, there, depth
            )
            continue
        match = LINE.match(text)
        if match is None:
            continue
        quiet, _kind, control, module = match.groups()
        if control in ("include", "substack"):
            yield from _included(files, path, number, module, service, there, depth)
        elif not quiet and control != "optional" and not _is_there(files, module, there):
            yield LostModule(path, number, module, service, service in VITAL and _stops(control, module))


def _stops(control: str, module: str) -> bool:
    """Whether nobody gets in without a module; without the one for passwords never."""
    return module.endswith("pam_unix.so") or (control != "sufficient" and "default=ignore" not in control)


def _included(
    files: GuestReader, path: str, number: int, name: str, service: str, there: set[str], depth: int
) -> Iterator[LostModule]:
    if not name or "$" in name:
        return
    if not _path(files, name):
        yield LostModule(path, number, name, service, service in VITAL, is_file=True)
        return
    yield from _of_file(files, name, service, there, depth + 1)


def _is_there(files: GuestReader, module: str, there: set[str]) -> bool:
    if "$ISA" in module:
        return module.rpartition("/")[2] in there
    return files.is_file(module) if module.startswith("/") else module in there
