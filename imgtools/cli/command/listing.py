"""What there is: the commands by their modules, and the list that help shows, below what one wants to do.

A command's module (or the package of a group) says ``SECTION = "..."``, one of SECTIONS. That line and the first line
of its docstring are read from the source; no command is imported for the list.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

SECTIONS = (
    "See what an image holds",
    "Read files of a guest",
    "Change a guest",
    "Audit a guest",
    "Repair a guest",
    "Make images",
    "Look after images",
    "Look after this host",
)
# Modules of cli/ that are not commands.
SHARED = frozenset({"app", "command", "output", "session"})
_SECTION = r'(?m)^SECTION = "([^"]*)"$'
_OF_PACKAGE = r'\A"""([^\n]*?)(?:"""|\n)'
_OF_COMMAND = r'(?ms)^def command\(.*?^    r?"""([^\n]*?)(?:"""|\n)'


class Listed(NamedTuple):
    """One command as the list shows it."""

    name: str
    section: str  # one of SECTIONS
    summary: str  # one sentence


@cache
def command_modules(package: str = "imgtools.cli") -> Mapping[str, str]:
    """Return command name to module name, for the commands of one package."""
    places = Path(importlib.import_module(package).__path__[0]).iterdir()
    names = (one.stem for one in places if one.suffix == ".py" or (one / "__init__.py").is_file())
    return {
        name.rstrip("_").replace("_", "-"): f"{package}.{name}"
        for name in sorted(names)
        if name not in SHARED and not name.startswith("_")
    }


def listed(package: str = "imgtools.cli") -> Iterator[Listed]:
    """Yield the commands of a package by name, read from their sources."""
    folder = Path(importlib.import_module(package).__path__[0])
    for name, module in command_modules(package).items():
        yield _read(name, folder / module.rpartition(".")[2])


def _read(name: str, place: Path) -> Listed:
    is_package = place.is_dir()
    source = (place / "__init__.py" if is_package else place.with_suffix(".py")).read_text(encoding="utf-8")
    section = re.search(_SECTION, source)
    summary = re.search(_OF_PACKAGE if is_package else _OF_COMMAND, source)
    return Listed(name, section[1] if section else "", summary[1] if summary else "")


def by_section() -> Iterator[tuple[str, list[Listed]]]:
    """Yield the sections in their order, each with its commands; what names none comes last."""
    found = list(listed())
    for section in (*SECTIONS, ""):
        if members := [one for one in found if one.section == section]:
            yield section or "More", members
