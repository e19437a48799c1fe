"""The generated documentation: `make docs` writes it.

One page for each command, made from the command itself, one for each shelf of operations, each station of a diagnosis
and each repair: they depend on nothing but the code. The output in the tutorial, the README and the cookbook
comes from real runs on fixtures.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Union, get_args, get_origin

from imgtools.cli.command.groups import expand
from imgtools.cli.command.listing import by_section, command_modules
from imgtools.cli.command.typer_adapter import Declared, declared
from tools import (
    boot_pages,
    cookbook,
    decisions,
    exit_codes,
    options,
    schemas,
    shelves,
    surface,
    transcript,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path("docs/commands")
SCHEMA = re.compile(r"imgtools\.[a-z0-9.-]+/\d+")
HEAD = "<!-- Made by `make docs` from imgtools/cli; edit the command instead. -->\n"
# What every command takes: shown on one page, and only named on the others.
SHARED_PANELS = ("Opening the image", "Several images", "Output")


@dataclass(frozen=True, slots=True)
class Word:
    """One argument or option: how it is written, what it says, and under which heading."""

    spelling: str
    text: str
    panel: str  # "" for an argument, "Options" for an option of the command's own
    required: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command as its page shows it."""

    name: str  # as typed: "snapshot list"
    summary: str
    text: str
    words: tuple[Word, ...]
    examples: tuple[str, ...]
    notes: tuple[str, ...]
    schemas: tuple[str, ...]

    @property
    def page(self) -> str:
        """The file name of its page."""
        return self.name.replace(" ", "-") + ".md"


def commands(package: str = "imgtools.cli", prefix: str = "") -> Iterator[Command]:
    """Every command, those of groups included, sorted by name."""
    for name, module_name in command_modules(package).items():
        module = importlib.import_module(module_name)
        if hasattr(module, "__path__"):
            yield from commands(module_name, f"{prefix}{name} ")
        else:
            yield read_command(f"{prefix}{name}", module)


def read_command(name: str, module: types.ModuleType) -> Command:
    """What one command's module says of it."""
    docstring = inspect.cleandoc(module.command.__doc__ or "")
    summary, _, text = docstring.partition("\n")
    notes = getattr(module, "NOTES", ())
    signature = inspect.signature(expand(module.command))
    return Command(
        name=name,
        summary=summary,
        text=text.strip(),
        words=tuple(_words(signature.parameters.values())),
        examples=tuple(getattr(module, "EXAMPLES", ())),
        notes=(notes,) if isinstance(notes, str) else tuple(notes),
        schemas=tuple(sorted(set(SCHEMA.findall(inspect.getsource(module))))),
    )


def _words(parameters: Iterable[inspect.Parameter]) -> Iterator[Word]:
    for parameter in parameters:
        said = declared(parameter)
        if said is not None and not said.hidden:
            yield _word(parameter, said)


def _word(parameter: inspect.Parameter, said: Declared) -> Word:
    required = parameter.default is inspect.Parameter.empty
    if said.is_argument:
        name = said.metavar or parameter.name.upper()
        return Word(name if required else f"[{name.strip('[]')}]", said.text, "", required)
    value = _value(said)
    spelling = ", ".join(said.spellings) + (f" {value}" if value else "")
    text = said.text + (_default(parameter.default) if said.shows_default else "")
    return Word(spelling, text, said.panel or "Options", required)


def _value(said: Declared) -> str:
    """What stands after an option: its metavar, its choices, or the kind of value; nothing after a switch."""
    kind = said.kind
    kinds = (
        [one for one in get_args(kind) if one is not types.NoneType]
        if get_origin(kind) in _UNIONS
        else [kind]
    )
    if len(kinds) == 1 and get_origin(kinds[0]) in (list, tuple):
        kinds = list(get_args(kinds[0]))[:1]
    if said.metavar:
        return said.metavar
    if kinds[0] is bool or said.counts:
        return ""
    if isinstance(kinds[0], type) and issubclass(kinds[0], Enum):
        return "|".join(str(one.value) for one in kinds[0])
    return {int: "NUMBER", float: "NUMBER", Path: "FILE"}.get(kinds[0], "TEXT")


_UNIONS = (Union, types.UnionType)


def _default(default: object) -> str:
    if default in (None, False, 0, "", (), inspect.Parameter.empty):
        return ""
    return f" Default: `{default.value if isinstance(default, Enum) else default}`."


# -- pages ------------------------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """Every page that is made from the code: its path in the checkout, and its text."""
    found = list(commands())
    made = {FOLDER / one.page: _page(one) for one in found}
    return (
        made
        | {FOLDER / "README.md": _index(found)}
        | shelves.pages()
        | boot_pages.pages()
        | schemas.pages()
        | exit_codes.pages()
        | options.pages()
        | decisions.pages()
        | surface.pages()
    )


def _page(command: Command) -> str:
    usage = " ".join(
        ["imgtools", command.name, "[OPTIONS]", *(word.spelling for word in command.words if not word.panel)]
    )
    parts = [HEAD + f"# imgtools {command.name}", command.summary, f"    {usage}"]
    parts += [_paragraphs(command.text)] if command.text else []
    parts += ["## Examples\n\n" + "\n".join(f"    {one}" for one in command.examples)]
    parts += _tables(command.words)
    parts += (
        ["## Notes", *(_paragraphs(inspect.cleandoc(note)) for note in command.notes)]
        if command.notes
        else []
    )
    parts += [_see(command)]
    return "\n\n".join(parts) + "\n"


def _paragraphs(text: str) -> str:
    """Docstring to Markdown: the help's `\\b` marks go, and ``code`` keeps one backtick."""
    return text.replace("\b\n", "").replace("``", "`")


def _tables(words: Sequence[Word]) -> Iterator[str]:
    arguments = [word for word in words if not word.panel]
    if arguments:
        yield "## Arguments\n\n" + _table("Argument", arguments)
    panels = list(dict.fromkeys(word.panel for word in words if word.panel))
    for panel in sorted(panels, key=lambda one: SHARED_PANELS.index(one) if one in SHARED_PANELS else -1):
        title = "Options" if panel == "Options" else panel
        yield f"## {title}\n\n" + _table("Option", [word for word in words if word.panel == panel])


def _table(first: str, words: Sequence[Word]) -> str:
    rows = [f"| {first} | Meaning |", "|---|---|"]
    for word in words:
        must = " Required." if word.required and word.panel else ""
        rows.append(f"| `{_cell(word.spelling)}` | {_cell(word.text)}{must} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _see(command: Command) -> str:
    links = ["[exit codes](../exit-codes.md)"]
    if command.schemas:
        links.append(f"[JSON](../json.md) ({', '.join(f'`{one}`' for one in command.schemas)})")
    return f"See also: {', '.join(links)}, [all commands](README.md)."


def _index(found: Sequence[Command]) -> str:
    """The list of commands, below what one wants to do, as the help has it."""
    parts = [HEAD + "# Commands", "What their options are called: [options](../options.md)."]
    for section, members in by_section():
        rows = [
            f"| [imgtools {one.name}]({one.page}) | {_cell(one.summary)} |"
            for member in members
            for one in found
            if one.name.split()[0] == member.name
        ]
        parts += [f"## {section}", "\n".join(["| Command | What it does |", "|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def stale(made: dict[Path, str]) -> list[Path]:
    """Pages that are not as they should be, and pages of commands that are gone."""
    different = [
        path
        for path, text in made.items()
        if not (ROOT / path).is_file() or (ROOT / path).read_text(encoding="utf-8") != text
    ]
    folders = (FOLDER, shelves.FOLDER, *boot_pages.FOLDERS)
    gone = [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).glob("*.md"))]
    return different + [path for path in gone if path not in made]


def main() -> int:
    """Write what is stale and say what was written."""
    made = pages()
    old = stale(made)
    for path in old:
        if path in made:
            _write(path, made[path])
        else:
            (ROOT / path).unlink()
    replayed = transcript.stale() | cookbook.stale()
    for path, text in replayed.items():
        _write(path, text)
    sys.stdout.write("".join(f"{path}\n" for path in [*old, *replayed]))
    return 0


def _write(path: Path, text: str) -> bool:
    """Write a page; tell whether it is another than before."""
    place = ROOT / path
    if place.is_file() and place.read_text(encoding="utf-8") == text:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
