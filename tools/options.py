"""The options of every command: as data, and as docs/options.md.

``python -m tools.options FILE`` keeps what each spelling takes in a file, so that a test can tell whether a later
release lost one.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imgtools.cli.app import app
from imgtools.cli.command import option_names
from imgtools.cli.command.groups import expand
from imgtools.cli.command.listing import command_modules
from imgtools.cli.command.option_names import Name, old_names
from imgtools.cli.command.shared_options import ORDERS
from imgtools.cli.command.typer_adapter import Declared, declared, made, taken

PAGE = Path("docs/options.md")
MANY = 12  # commands, of which only the number is told
# Where a letter of the table means another thing: what the command's namesake does with it.
NAMESAKES: Mapping[tuple[str, str], str] = {
    ("bench", "-c"): "`qemu-img bench -c` counts requests",
    ("bench", "-d"): "`qemu-img bench -d` is how many at a time",
    ("clone", "-n"): "`virt-clone -n` is the name of a clone; nothing is planned here that could stop",
    ("convert", "-c"): "`qemu-img convert -c` compresses",
    ("edit", "-b"): "`virt-edit -b` keeps a backup",
    ("grep", "-F"): "`grep -F`",
    ("grep", "-n"): "`grep -n`; files are only read",
    ("grep", "-c"): "`grep -c`",
    ("ln", "-f"): "`ln -f`",
    ("log", "-f"): "`journalctl -f`, `tail -f`",
    ("log", "-n"): "`tail -n`, `journalctl -n`; a log is only read",
    ("mount", "-f"): "`-f` of programs that mount with FUSE",
    ("rescue", "-c"): "`sh -c`",
    ("rm", "-f"): "`rm -f`",
    ("shell", "-f"): "`guestfish -f`; --format names the format of the image",
    ("tail", "-c"): "`tail -c`",
    ("tail", "-f"): "`tail -f`",
    ("tail", "-n"): "`tail -n`; a file is only read",
    ("touch", "-c"): "`touch -c`",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What one command takes."""

    arguments: tuple[str, ...]  # as its help names them, in their order
    options: dict[str, str]  # spelling to what stands behind it: nothing, a value, or values (repeated)


@dataclass(frozen=True, slots=True)
class Option:
    """One option of one command, as it is shown."""

    command: str
    said: Declared
    old: tuple[str, ...]  # spellings that work and are not shown

    @property
    def long(self) -> str:
        """Its name, without the one that switches it off."""
        return self.said.spellings[-1].partition("/")[0]

    @property
    def letters(self) -> tuple[str, ...]:
        """Its names of one letter."""
        return tuple(name for name in self.said.spellings if not name.startswith("--"))


# -- what the parser takes ----------------------------------------------------------------------------------


def command_object(name: str) -> Any:  # Any: typer has no public name for it
    """Return typer's object for a command, found as the program finds it; None if there is none."""
    found: Any = made(app)
    for word in name.split():
        found = found.get_command(None, word) if found is not None else None
    return found


def read(name: str) -> Taken:
    """Return what a command takes; the program itself is ``""``."""
    found = command_object(name)
    arguments = [one for one in found.params if one.param_type_name == "argument"]
    options = {spelling: kind for spelling, (_, kind) in taken(found).items()}
    return Taken(tuple(str(one.metavar or one.name) for one in arguments), options)


def names(package: str = "imgtools.cli", prefix: str = "") -> Iterator[str]:
    """Yield the name of every command and group, ``snapshot`` and ``snapshot list``."""
    for name, module in command_modules(package).items():
        yield f"{prefix}{name}"
        if hasattr(importlib.import_module(module), "__path__"):
            yield from names(module, f"{prefix}{name} ")


# -- what is shown ------------------------------------------------------------------------------------------


@cache
def shown() -> tuple[Option, ...]:
    """Every option that a command shows, by command."""
    return tuple(_shown("imgtools.cli", ""))


def _shown(package: str, prefix: str) -> Iterator[Option]:
    for name, module_name in command_modules(package).items():
        module = importlib.import_module(module_name)
        if hasattr(module, "__path__"):
            yield from _shown(module_name, f"{prefix}{name} ")
            continue
        for parameter in inspect.signature(expand(module.command)).parameters.values():
            said = declared(parameter)
            if said and not said.is_argument and not said.hidden:
                yield Option(f"{prefix}{name}", said, old_names(parameter.annotation))


# -- the page -----------------------------------------------------------------------------------------------

HEAD = """<!-- Made by `make docs` from the commands and imgtools/cli/command/option_names.py; edit those instead. -->
# Options

One thing has one name and one letter in every command; [why these](decisions/option-names.md). Everything is about one
command: options stand behind it. `-V` is the version everywhere, `-h` is help"""


def pages() -> dict[Path, str]:
    """docs/options.md."""
    parts = ["## One name for one thing", _table(("Option", "What it is", "Commands"), _named_rows())]
    parts += [
        "## Letters",
        "A letter of the table above means another thing only where it does for a namesake:",
    ]
    parts += [_table(("Command", "Letter", "As"), _namesake_rows())]
    parts += ["All letters:", _table(("Letter", "Option", "Commands"), _letter_rows())]
    parts += ["## Names that still work", "They are not shown in any help, and will not go."]
    parts += [_table(("Old name", "Name", "Commands"), _old_rows())]
    parts += [
        "## All options",
        "Those of `customize` that are orders have [pages of their own](operations/README.md).",
    ]
    parts += [_table(("Option", "Commands"), _all_rows())]
    human = sorted({f"`{one.command}`" for one in shown() if "-h" in one.letters})
    return {PAGE: f"{HEAD}, but in {' and '.join(human)}.\n\n" + "\n\n".join(parts) + "\n"}


def of(name: Name) -> list[Option]:
    """The options that carry one name of the table."""
    return [one for one in shown() if one.long == name.long and one.said.panel != ORDERS]


def _named_rows() -> Iterator[tuple[str, ...]]:
    for name in option_names.ALL:
        spelled = ", ".join(f"`{word}`" for word in reversed(name.words))
        yield spelled, name.thing, _commands(one.command for one in of(name))


def _namesake_rows() -> Iterator[tuple[str, ...]]:
    for (command, letter), reason in sorted(NAMESAKES.items()):
        yield f"`{command}`", f"`{letter}`", reason


def _letter_rows() -> Iterator[tuple[str, ...]]:
    found = {(letter, one.long) for one in shown() for letter in one.letters}
    for letter, long in sorted(found, key=lambda pair: (pair[0].lower(), pair)):
        users = [one.command for one in shown() if letter in one.letters and one.long == long]
        yield f"`{letter}`", f"`{long}`" if long != letter else "", _commands(users)


def _old_rows() -> Iterator[tuple[str, ...]]:
    found = sorted({(old, one.long) for one in shown() for old in one.old})
    for old, long in found:
        users = [one.command for one in shown() if old in one.old and one.long == long]
        yield f"`{old}`", f"`{long}`", _commands(users)
    yield "`--copy`", "`--output`, but with `--write` only", "`resize`"
    yield from ((f"`{old}`", f"`{new}`", "") for old, new in sorted(old_commands().items()))


def old_commands() -> dict[str, str]:
    """Names that commands had before, each with the one of today."""
    found: dict[str, str] = {}
    for name, module_name in command_modules().items():
        renamed = getattr(importlib.import_module(module_name), "OLD_NAMES", {})
        found |= {f"{name} {old}": f"{name} {new}" for old, new in renamed.items()}
    return found


def _all_rows() -> Iterator[tuple[str, ...]]:
    for long in sorted({one.long for one in shown() if one.said.panel != ORDERS}):
        yield f"`{long}`", _commands(one.command for one in shown() if one.long == long)


def _commands(found: Iterable[str]) -> str:
    unique = sorted(set(found))
    if len(unique) > MANY:
        return f"{len(unique)} commands"
    return ", ".join(f"[{name}](commands/{name.replace(' ', '-')}.md)" for name in unique)


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def main() -> int:
    """Write all options to the file that is named, a line a command."""
    rows = (f"{json.dumps(name)}: {json.dumps(asdict(read(name)))}" for name in sorted(["", *names()]))
    Path(sys.argv[1]).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
