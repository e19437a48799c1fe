"""Pages of the operations, one for each shelf, made from the shelves themselves; see boot_pages for the others."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path

import imgtools.ops
from imgtools.ops.check import GROUPS, ShelvedCheck, load_checks
from imgtools.ops.operation import Families, NoParams, Shelved, load_shelf
from imgtools.ops.station import load_stations
from imgtools.records.orders import Order
from imgtools.records.system import OsType

FOLDER = Path("docs/operations")
ELSEWHERE = {"repair": "../repairs/README.md", "stations": "../stations/README.md"}
HEAD = "<!-- Made by `make docs` from imgtools/ops; edit the operation instead. -->\n"


def shelves() -> dict[str, Mapping[str, Shelved]]:
    """Every shelf that holds operations: its name, and its operations by name."""
    packages = [info.name for info in pkgutil.iter_modules(imgtools.ops.__path__) if info.ispkg]
    found = {name: load_shelf(f"imgtools.ops.{name}") for name in packages}
    return {name: shelf for name, shelf in found.items() if shelf}


def pages() -> dict[Path, str]:
    """Every generated page: its path in the checkout, and its text. Repairs have pages of their own."""
    found = shelves()
    made = {FOLDER / f"{name}.md": _page(name, shelf) for name, shelf in found.items() if name != "repair"}
    return made | {
        FOLDER / "checks.md": _checks_page(tuple(load_checks().values())),
        FOLDER / "README.md": _index(found, len(load_stations())),
    }


def _index(found: Mapping[str, Mapping[str, Shelved]], stations: int) -> str:
    rows = [
        f"| [{name}]({ELSEWHERE.get(name, f'{name}.md')}) | {len(shelf)} | {about(name)} |"
        for name, shelf in found.items()
    ]
    rows.append(f"| [checks](checks.md) | {len(load_checks())} | {about('checks')} |")
    rows.append(f"| [stations]({ELSEWHERE['stations']}) | {stations} | {about('stations')} |")
    return (
        "\n".join([HEAD + "# Operations\n", "| Shelf | Operations | What it holds |", "|---|---|---|", *rows])
        + "\n"
    )


def about(shelf: str) -> str:
    """What a shelf holds, in its own words."""
    return (importlib.import_module(f"imgtools.ops.{shelf}").__doc__ or "").strip().partition("\n")[0]


def _page(name: str, shelf: Mapping[str, Shelved]) -> str:
    rows = [
        f"| [{one.name}](#{one.name}) | {_default(one)} | {one.operation.summary} |" for one in shelf.values()
    ]
    parts = [
        HEAD + f"# Operations: {name}",
        about(name),
        "\n".join(["| Name | By default | What it does |", "|---|---|---|", *rows]),
    ]
    return "\n\n".join([*parts, *(f"## {one.name}\n\n{section(one)}" for one in shelf.values())]) + "\n"


def _checks_page(checks: tuple[ShelvedCheck, ...]) -> str:
    parts = [
        HEAD + "# Checks",
        f"{about('checks')} [audit](../commands/audit.md) makes them; `imgtools audit --explain ID` shows one.",
    ]
    for group in GROUPS.values():
        if members := [one for one in checks if one.group == group]:
            rows = [
                f"| [{one.id}](#{one.id}) | {one.check.severity} | {one.check.title} |" for one in members
            ]
            parts += [
                f"## {group}",
                "\n".join(["| Check | Severity | What is wanted |", "|---|---|---|", *rows]),
            ]
            parts += [_check(one) for one in members]
    return "\n\n".join(parts) + "\n"


def _check(one: ShelvedCheck) -> str:
    parts = [f"### {one.id}", one.rationale.replace("``", "`"), f"For {families_of(one.check.families)}."]
    if one.check.params is not NoParams:
        parts.append("\n".join(_parameters(one.check.params)))
    if one.check.references:
        parts.append(f"See {', '.join(one.check.references)}.")
    return "\n\n".join(parts)


def _default(one: Shelved) -> str:
    return "yes" if one.operation.default and one.operation.params is not Order else ""


def section(one: Shelved) -> str:
    """What there is to say of an operation, without its name."""
    operation = one.operation
    if operation.params is Order:
        return _order_section(one)
    default = "By default." if operation.default else "Only when it is asked for."
    parts = [one.doc.replace("``", "`"), f"For {families_of(operation.families)}. {default}"]
    if operation.params is not NoParams:
        parts.append("\n".join(_parameters(operation.params)))
    if operation.notes:
        parts.append(inspect.cleandoc(operation.notes))
    return "\n\n".join(parts)


def _order_section(one: Shelved) -> str:
    """An operation that is an option: how it is written, and for whom."""
    option = f"--{one.name} {one.operation.metavar}".rstrip()
    parts = [f"`{option}`", one.doc.replace("``", "`")]
    parts.append(f"For {families_of(one.operation.families)}.")
    if one.operation.notes:
        parts.append(inspect.cleandoc(one.operation.notes))
    return "\n\n".join(parts)


def families_of(families: Families) -> str:
    """The guests that something is for, in words."""
    types = ", ".join(sorted(one.value for one in families.types if one is not OsType.UNKNOWN))
    if families.types == frozenset(OsType):
        return "every guest"
    like = f" guests that are, or are like, {', '.join(families.distros)}" if families.distros else " guests"
    return types + like


def _parameters(params: type) -> Iterator[str]:
    yield "| Parameter | Default |"
    yield "|---|---|"
    for field in fields(params):
        default = field.default if field.default is not MISSING else field.default_factory
        shown = "required" if default is MISSING else f"`{_shown(default)}`"
        yield f"| `{field.name}` | {shown} |"


def _shown(default: object) -> str:
    if callable(default):
        default = default()
    if isinstance(default, bool):
        return "yes" if default else "no"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default) or '""'
