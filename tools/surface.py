"""What `import imgtools` offers, as text: the list that a test compares, and the second half of docs/python.md.

`python -m tools.surface` writes the list anew, when a name was added on purpose.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import imgtools
from tools.exit_codes import error_classes

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path("tests/golden/python.txt")
PAGE = Path("docs/python.md")
MARK = "<!-- Below this line: made by `make docs` from imgtools/__init__.py. -->\n"
# The sections of the page, and which names stand in each: those of these modules.
SECTIONS = (
    (
        "Opening",
        (
            "door.opening",
            "door.named",
            "records.domain",
            "image.edit",
            "image.handle",
            "guest.guest",
            "files.tree",
        ),
    ),
    ("Reading a guest", ("door.reading", "door.looking")),
    ("Auditing a guest", ("door.auditing", "door.comparing", "door.materials")),
    ("Changing a guest", ("door.writing", "door.files", "door.rescue")),
    ("Image files", ("door.disks", "door.making")),
    ("Below the files", ("door.dividing",)),
    ("Layers, snapshots, bitmaps", ("door.layers", "door.tables")),
    ("Fleets", ("door.fleet",)),
    ("This host", ("door.host",)),
    ("Plans and changes", ("guest.plan", "door.plan", "change.plan", "change.describe", "change.change")),
    ("Words", ("records.request", "records.progress")),
)


def homes() -> dict[str, str]:
    """Every public name with the module that it is loaded from."""
    found = {name: home for home, names in imgtools._HOMES.items() for name in names.split()}
    return dict(sorted(found.items()))


# -- the list ----------------------------------------------------------------------------------------------


def listing() -> str:
    """Every public name with its signature, fields or members; then every record that one of them leads to."""
    things = {name: getattr(imgtools, name) for name in homes()}
    parts = [_thing(name, thing) for name, thing in things.items()]
    parts += [_record(one) for one in _reached(things.values())]
    errors = (f"error {one.__name__}({_bases(one)}) exit code {one.exit_code}" for one in error_classes())
    return "\n".join([*parts, *errors]) + "\n"


def _thing(name: str, thing: Any) -> str:  # Any: whatever is public
    if inspect.isfunction(thing):
        return f"function {name}{_signature(thing)}"
    if typing.is_typeddict(thing):
        keys = (f"    {key}: {_text(kind)}" for key, kind in thing.__annotations__.items())
        return "\n".join([f"options {name}", *keys])
    if isinstance(thing, type):
        return _record(thing)
    members = [getattr(one, "__name__", str(one)) for one in get_args(thing)]
    return f"type {name} = {' | '.join(members) if name == 'Change' else _plain(thing)}"


def _text(kind: object) -> str:
    return kind.__forward_arg__ if isinstance(kind, typing.ForwardRef) else str(kind)


def _plain(thing: object) -> str:
    return re.sub(r"\b(?:typing|collections\.abc|imgtools(?:\.\w+)+)\.", "", str(thing))


def _record(one: type) -> str:
    if issubclass(one, Enum):
        return "\n".join([f"enum {one.__name__}", *(f"    {word.name} = {word.value!r}" for word in one)])
    lines = []
    if dataclasses.is_dataclass(one):
        kind = "record"
        lines += [f"    {_field(field)}" for field in dataclasses.fields(one)]
    else:
        kind = "class"
    for name, member in sorted(_members(one).items()):
        if isinstance(member, property):
            returns = inspect.signature(typing.cast(Any, member.fget)).return_annotation
            lines.append(f"    {name} -> {returns}")
        else:
            lines.append(f"    {name}{_signature(member)}")
    return "\n".join([f"{kind} {one.__name__}", *lines])


def _members(one: type) -> dict[str, Any]:  # Any: a method or property
    """The public methods and properties, those of our own bases among them."""
    found: dict[str, Any] = {}
    for base in reversed(one.__mro__):
        if base.__module__.startswith("imgtools"):
            found |= {
                name: member
                for name, member in vars(base).items()
                if not name.startswith("_") and isinstance(member, property | types.FunctionType)
            }
    return found


def _field(field: dataclasses.Field[Any]) -> str:
    shown = f"{field.name}: {field.type}"
    if field.default is not dataclasses.MISSING:
        return f"{shown} = {field.default!r}"
    return f"{shown} = ..." if field.default_factory is not dataclasses.MISSING else shown


def _signature(function: Callable[..., object]) -> str:
    """The signature as it is written: annotations stay the text that they are."""
    shown = []
    signature = inspect.signature(function)
    for one in signature.parameters.values():
        star = "**" if one.kind is one.VAR_KEYWORD else ""
        shown += ["*"] * (one.kind is one.KEYWORD_ONLY and "*" not in shown)
        kind = f": {one.annotation}" if one.annotation is not one.empty else ""
        default = one.default.value if isinstance(one.default, Enum) else one.default
        shown.append(f"{star}{one.name}{kind}" + (f" = {default!r}" if one.default is not one.empty else ""))
    return f"({', '.join(shown)}) -> {signature.return_annotation}"


def _bases(one: type) -> str:
    return ", ".join(base.__name__ for base in one.__bases__)


def _reached(things: typing.Iterable[object]) -> list[type]:
    """The records of ours that the fields of public ones hold, and that have no public name."""
    public = [one for one in things if isinstance(one, type)]
    seen = list(public)
    for one in seen:
        if dataclasses.is_dataclass(one):
            seen += [found for kind in _kinds(one) for found in _classes(kind) if found not in seen]
    return sorted((one for one in seen if one not in public), key=lambda one: (one.__name__, one.__module__))


def _kinds(record: type) -> list[object]:
    """The types of a record's fields; what a module imports for checkers only counts as any object."""
    names = dict(vars(importlib.import_module(record.__module__)))
    while True:
        try:
            return list(get_type_hints(record, names).values())
        except NameError as error:
            names[str(error.name)] = object


def _classes(kind: object) -> Iterator[type]:
    if isinstance(kind, type) and kind.__module__.startswith("imgtools"):
        yield kind
    for inner in get_args(kind):
        yield from _classes(inner)


# -- the page ----------------------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """docs/python.md, the part above the mark as it is."""
    head = (ROOT / PAGE).read_text(encoding="utf-8").partition(MARK)[0]
    return {PAGE: head + MARK + "\n## All names\n" + "".join(_sections())}


def _sections() -> Iterator[str]:
    rest = homes()
    for title, modules in SECTIONS:
        names = [name for name, home in rest.items() if home.removeprefix("imgtools.") in modules]
        rest = {name: home for name, home in rest.items() if name not in names}
        yield _table(title, names)
    yield _table("Reports and records", list(rest))


def _table(title: str, names: list[str]) -> str:
    # What is called stands before what calls take and give.
    ordered = sorted(names, key=lambda name: (not inspect.isfunction(getattr(imgtools, name)), name))
    rows = [f"| `{_call(name)}` | {_summary(name)} |" for name in ordered]
    return "\n".join([f"\n### {title}\n", "| Name | |", "|---|---|", *rows]) + "\n"


def _call(name: str) -> str:
    """A function as one calls it: annotations and the defaults of keywords are left out."""
    thing = getattr(imgtools, name)
    if not inspect.isfunction(thing):
        return name
    words = []
    for one in inspect.signature(thing).parameters.values():
        if one.kind is one.VAR_KEYWORD:
            words.append(f"**{str(one.annotation)[len('Unpack[') : -1]}")
        elif one.kind is one.KEYWORD_ONLY:
            words += ["*"] * ("*" not in words) + [one.name]
        else:
            words.append(one.name if one.default is one.empty else f"{one.name}={one.default!r}")
    return f"{name}({', '.join(words)})"


def _summary(name: str) -> str:
    thing = getattr(imgtools, name)
    if not isinstance(thing, type | types.FunctionType):
        return f"`{_plain(thing)}`".replace("|", "\\|") if name != "Change" else "any of the changes"
    text = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def main() -> int:
    """Write the list anew."""
    (ROOT / GOLDEN).write_text(listing(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
