"""The options of every command as data: what each spelling takes, and the arguments in their order.

``python -m tools.options FILE`` keeps them in a file, so that a test can tell whether a later release lost one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from imgtools.cli.app import app


@dataclass(frozen=True, slots=True)
class Taken:
    """What one command takes."""

    arguments: tuple[str, ...]  # as its help names them, in their order
    options: dict[str, str]  # spelling to what stands behind it: nothing, a value, or values (repeated)


def read() -> dict[str, Taken]:
    """Every command by its name, groups included; the program itself is ``""``."""
    top = typer.main.get_command(app)
    return {name: _taken(found) for name, found in sorted(_walk("", top))}


def _walk(name: str, found: Any) -> Iterator[tuple[str, Any]]:  # Any: typer's objects have no public names
    yield name, found
    for member in getattr(found, "list_commands", lambda _: ())(None):
        yield from _walk(f"{name} {member}".strip(), found.get_command(None, member))


def _taken(found: Any) -> Taken:
    context = found.make_context(found.name, [], resilient_parsing=True)
    options = {}
    for words in (found.make_parser(context)._long_opt, found.make_parser(context)._short_opt):
        for spelling, option in words.items():
            options[spelling] = _kind(option)
    arguments = [one for one in found.params if one.param_type_name == "argument"]
    return Taken(tuple(str(one.metavar or one.name) for one in arguments), dict(sorted(options.items())))


def _kind(option: Any) -> str:
    if not option.takes_value:
        return "nothing"
    return "values" if option.action == "append" else "value"


def main() -> int:
    """Write all options to the file that is named, a line a command."""
    rows = (f"{json.dumps(name)}: {json.dumps(asdict(one))}" for name, one in read().items())
    Path(sys.argv[1]).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
