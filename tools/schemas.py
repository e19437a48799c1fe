"""The second half of docs/json.md: every schema with its fields, made from the reports that commands show."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from imgtools.cli.command.listing import SHARED
from imgtools.cli.output.documents import ENVELOPE_FIELDS, TIME_FIELDS
from imgtools.records.files import FileKind

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/json.md")
MARK = "<!-- Below this line: made by `make docs` from the reports that commands show. -->\n"
SCHEMA = re.compile(r"imgtools\.[a-z0-9-]+(?:\.[a-z0-9-]+)*/\d+")
ENVELOPES = {"imgtools.error/1", "imgtools.many/1"}  # described by hand, above the mark
# Schemas whose report no call of `show` tells: where their class is.
ELSEWHERE = {
    "imgtools.plan/2": "imgtools.workflows.writing:PlanReport",
    "imgtools.sysprep-verify/1": "imgtools.workflows.sysprep:VerifyReport",
    "imgtools.df/1": "imgtools.workflows.df:DfReport",
    "imgtools.diff/1": "imgtools.workflows.diff:GuestDiffReport",
    "imgtools.timeline/1": "imgtools.workflows.timeline:TimelineReport",
    "imgtools.rescue/1": "imgtools.workflows.rescue:RescueReport",
    "imgtools.find/1": "imgtools.workflows.find:FindReport",
    "imgtools.grep/1": "imgtools.workflows.grep:GrepReport",
    "imgtools.tree/1": "imgtools.workflows.tree:TreeReport",
    "imgtools.ls/1": "imgtools.workflows.ls:LsReport",
    "imgtools.log.list/1": "imgtools.workflows.log:LogListReport",
    "imgtools.log/1": "imgtools.workflows.log:LogReport",
    "imgtools.registry.diff/1": "imgtools.workflows.registry_diff:DiffReport",
    "imgtools.shell.place/1": "imgtools.cli.session.place:PlaceReport",
    "imgtools.shell.ran/1": "imgtools.cli.session.runner:RanReport",
    "imgtools.shell.undo/1": "imgtools.workflows.shell:UndoReport",
    "imgtools.customize/2": "imgtools.workflows.writing:PlanReport",
    "imgtools.repair/1": "imgtools.workflows.repair:RepairReport",
    "imgtools.sysprep/2": "imgtools.workflows.sysprep:SysprepReport",
    "imgtools.fleet.run/1": "imgtools.fleet.reports:RunReport",
    "imgtools.fleet.answer/1": "imgtools.fleet.reports:ImageAnswer",
    "imgtools.fleet.apply/1": "imgtools.fleet.apply_reports:ApplyReport",
    "imgtools.fleet.changed/1": "imgtools.fleet.apply_reports:ChangedImage",
    "imgtools.fleet.changes/1": "imgtools.fleet.reports:ChangesReport",
    "imgtools.fleet.export/1": "imgtools.fleet.reports:FleetExport",
    "imgtools.fleet.report/1": "imgtools.fleet.reports:FleetReport",
    "imgtools.fleet.query/1": "imgtools.fleet.reports:QueryReport",
    "imgtools.format/1": "imgtools.workflows.format:FormatReport",
    "imgtools.lvm.create/1": "imgtools.workflows.lvm:LvmReport",
    "imgtools.lvm.extend/1": "imgtools.workflows.lvm:LvmReport",
    "imgtools.lvm.reduce/1": "imgtools.workflows.lvm:LvmReport",
    "imgtools.lvm.remove/1": "imgtools.workflows.lvm:LvmReport",
    "imgtools.virt/1": "imgtools.compat.links:VirtReport",
    "imgtools.partition.add/1": "imgtools.workflows.partition:PartitionReport",
    "imgtools.partition.remove/1": "imgtools.workflows.partition:PartitionReport",
    "imgtools.partition.set/1": "imgtools.workflows.partition:PartitionReport",
    "imgtools.map/1": "imgtools.workflows.map:MapHead",  # its extents follow, see the page of the command
}

Report = type


def reports() -> dict[str, tuple[Report | None, list[str]]]:
    """Every schema: the class that it shows, and the commands that print it.

    The class is None where the code does not tell it: then ELSEWHERE needs a line.
    """
    found: dict[str, tuple[Report | None, list[str]]] = {}
    folder = ROOT / "imgtools" / "cli"
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        named = dict.fromkeys(sorted(set(SCHEMA.findall(text)) - ENVELOPES), "")
        places = named | dict(_shown(ast.parse(text)))
        for schema, place in places.items():
            place = ELSEWHERE.get(schema, place)
            found.setdefault(schema, (_load(place) if place else None, []))[1]
            room = path.relative_to(folder).parts[0]
            if room not in SHARED or room == "session":
                found[schema][1].append("shell" if room == "session" else _command(path))
    return dict(sorted(found.items()))


def _command(path: Path) -> str:
    """The command that a module of cli/ is: `snapshot list` for cli/snapshot/list.py."""
    parts = path.relative_to(ROOT / "imgtools" / "cli").with_suffix("").parts
    return " ".join(part.strip("_").replace("_", "-") for part in parts)


# -- which class a schema shows -----------------------------------------------------------------------------


def _shown(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Pairs of a schema and `module:function`, for each `show(report, schema=...)` in a command."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            names = _imports(tree) | _imports(function)
            values = _values(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _shows(node, names):
                    called = [name for argument in node.args if (name := _called(argument, values)) in names]
                    yield from ((text, names[called[0]]) for text in _texts(node, values, names) if called)


def _shows(node: ast.Call, names: Mapping[str, str]) -> bool:
    """Whether a call shows a report: `out.show(...)`, or a `show_...` that commands share."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == "show"
    place = names.get(node.func.id, "") if isinstance(node.func, ast.Name) else ""
    return place.startswith("imgtools.cli.output.") and place.partition(":")[2].startswith("show_")


def _imports(tree: ast.AST) -> dict[str, str]:
    """Names imported from workflows, and from what commands share: the name here, and `module:name`."""
    return {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("imgtools.workflows", "imgtools.cli.output."))
        for alias in node.names
    }


def _values(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """What is assigned to each name in a function; a name may be assigned more than once."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
    return found


def _called(node: ast.expr, values: Mapping[str, Sequence[ast.expr]]) -> str:
    """The name of the function whose result an expression is."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node, ast.Name):
        return next((name for value in values.get(node.id, ()) if (name := _called(value, {}))), "")
    return ""


def _texts(call: ast.Call, values: Mapping[str, Sequence[ast.expr]], names: Mapping[str, str]) -> list[str]:
    """The schemas that a call may name: a literal, a local name, a workflow's constant, or the callee's default."""
    node = next((one.value for one in call.keywords if one.arg == "schema"), None)
    if node is None:
        texts = [one for one in call.args if isinstance(one, ast.Constant)]
        node = next((one for one in texts if SCHEMA.fullmatch(str(one.value))), None)
    if node is None and isinstance(call.func, ast.Name):
        return [str(inspect.signature(_thing(names[call.func.id])).parameters["schema"].default)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.Name) and node.id in names:
        return [str(_thing(names[node.id]))]
    if isinstance(node, ast.Name):
        return [str(value.value) for value in values.get(node.id, ()) if isinstance(value, ast.Constant)]
    return []


def _thing(place: str) -> Any:  # Any: a function, a class or a constant
    module_name, _, name = place.partition(":")
    return getattr(importlib.import_module(module_name), name)


def _load(place: str) -> Report:
    thing = _thing(place)
    found = thing if inspect.isclass(thing) else get_type_hints(thing)["return"]
    if not dataclasses.is_dataclass(found):
        raise LookupError(f"{place} gives {found}, which is no record")
    return found


# -- its fields ---------------------------------------------------------------------------------------------


def pages() -> dict[Path, str]:
    """docs/json.md, the part above the mark as it is."""
    head = (ROOT / PAGE).read_text(encoding="utf-8").partition(MARK)[0]
    return {PAGE: head + MARK + _body(reports())}


def _body(found: Mapping[str, tuple[Report | None, list[str]]]) -> str:
    rows = [
        f"| `{schema}` | {', '.join(f'imgtools {name}' for name in users)} | {_link(report)} |"
        for schema, (report, users) in found.items()
    ]
    listed = "\n".join(["| Schema | Printed by | `data` |", "|---|---|---|", *rows])
    records = {one.__name__: one for report, _ in found.values() if report for one in _reachable(report, {})}
    sections = [_section(records[name]) for name in sorted(records)]
    return "\n## Schemas\n\n" + listed + "\n\n## Records\n\n" + "\n\n".join(sections) + "\n"


def _link(report: Report | None) -> str:
    return f"[{report.__name__}](#{_anchor(report)})" if report else ""


def _reachable(record: Report, seen: dict[Report, None]) -> dict[Report, None]:
    """The record and every record in its fields."""
    if record not in seen:
        seen[record] = None
        for hint in get_type_hints(record).values():
            for part in _parts(hint):
                if dataclasses.is_dataclass(part) and isinstance(part, type):
                    _reachable(part, seen)
    return seen


def _parts(hint: Any) -> Iterator[Any]:  # Any: annotations
    yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _section(record: Report) -> str:
    about = _plain((inspect.getdoc(record) or "").partition("\n\n")[0])
    hints, comments = get_type_hints(record), _comments(record)
    rows = [
        f"| `{field.name}` | {_kind(field.name, hints[field.name])} | {comments.get(field.name, '')} |"
        for field in dataclasses.fields(record)
        if field.repr and (field.name not in ENVELOPE_FIELDS or record.__name__ == "Warned")
    ]
    return "\n".join([f"### {record.__name__}\n", f"{about}\n", "| Field | Kind | |", "|---|---|---|", *rows])


def _comments(record: Report) -> dict[str, str]:
    """The comments behind the fields, which say what they hold."""
    lines = re.findall(
        r"^ {4}(\w+): [^#\n]*?(?:=[^#\n]*)?#[ ]*(.+)$", inspect.getsource(record), re.MULTILINE
    )
    return {name: _plain(text).replace("|", "\\|") for name, text in lines}


def _plain(text: str) -> str:
    """Docstring to Markdown, in the words of JSON."""
    text = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", text).replace("``", "`").replace("<", "&lt;")
    return re.sub(r"`None`|\bNone\b", "null", text)


def _kind(name: str, hint: Any) -> str:  # Any: annotations
    """What JSON makes of a field; see imgtools/cli/output/documents.py, to_json."""
    options = (
        [one for one in get_args(hint) if one is not types.NoneType]
        if get_origin(hint) in _UNIONS
        else [hint]
    )
    words = " or ".join(dict.fromkeys(_word(name, one) for one in options))
    return words + (" or null" if len(options) < len(get_args(hint)) and get_origin(hint) in _UNIONS else "")


_UNIONS = (Union, types.UnionType)
_WORDS = {
    str: "string",
    int: "integer",
    bool: "boolean",
    float: "number",
    bytes: "string, base64",
    Path: "string",
}


def _word(name: str, hint: Any) -> str:  # Any: annotations
    if name in TIME_FIELDS and hint is int:
        return "time"
    arguments = [one for one in get_args(hint) if one is not Ellipsis]
    if get_origin(hint) in (tuple, list) or (arguments and not isinstance(get_origin(hint), type(dict))):
        return "list of " + " and ".join(dict.fromkeys(_kind("", one) for one in arguments))
    if inspect.isclass(hint) and issubclass(hint, Enum):
        values = [one.name.lower() if hint is FileKind else str(one.value) for one in hint]
        return "one of " + ", ".join(f"`{value}`" for value in values)
    if inspect.isclass(hint) and dataclasses.is_dataclass(hint):
        return _link(hint)
    return _WORDS.get(hint, "object")


def _anchor(record: Any) -> str:  # Any: a class
    return str(record.__name__).lower()
