"""Plans as documents: what ``--json`` prints of a plan, and what ``imgtools apply`` reads. See docs/plan.md.

Every kind of change is an object with ``kind`` and the fields of its record (``change/change.py``). Bytes are text
where they are UTF-8, else ``NAME_b64``; so are paths that are not UTF-8. Modes are octal strings.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import difflib
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from imgtools.change import change as records
from imgtools.change.change import Change, Upload
from imgtools.errors import UsageError

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]
Document = dict[str, JsonValue]

# Fields of a printed plan that say something about a change and are not part of it.
REMARKS = frozenset({"diff", "summary", "operation"})
# In a document a time's name has its unit, and ``kind`` is the kind of the change.
_RENAMED = {"atime": "atime_ns", "mtime": "mtime_ns", "kind": "type"}
# What a plan makes of other changes, and shows as those.
_MADE = frozenset({"hive_edits"})
# What a private change keeps to itself.
_PRIVATE = frozenset({"content", "text", "texts", "number", "data"})
_ORIGINAL = {shown: name for name, shown in _RENAMED.items()}
MAX_CHANGES = 1_000_000


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


KINDS: Mapping[str, type] = {_kebab(cls.__name__): cls for cls in typing.get_args(Change)}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}


def kind_of(change: Change) -> str:
    """Return the name of a change's kind, such as ``write-file``."""
    return _KIND_OF[type(change)]


# -- writing -----------------------------------------------------------------------------------------------


def format_change(change: Change) -> Document:
    """Return a change as a JSON object; fields at their defaults, and private content, are left out."""
    found: Document = {"kind": kind_of(change)}
    found.update(_format_fields(change, hidden=getattr(change, "private", False)))
    return found


def _format_fields(record: Any, *, hidden: bool = False) -> Document:  # Any: one of the records
    found: Document = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        is_default = field.default is not dataclasses.MISSING and value == field.default
        if not is_default and field.name not in _MADE and not (hidden and field.name in _PRIVATE):
            found.update(_format_field(_RENAMED.get(field.name, field.name), value))
    return found


def _format_field(name: str, value: object) -> Document:
    if isinstance(value, bytes):
        text = _as_text(value)
        return {f"{name}_b64": _b64(value)} if text is None else {name: text}
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogateescape")
        exact: Document = {} if _as_text(raw) is not None else {f"{name}_b64": _b64(raw)}
        return {name: raw.decode("utf-8", "replace"), **exact}
    if name == "mode" and isinstance(value, int):
        return {name: f"{value:04o}"}
    if isinstance(value, Path):
        return {name: str(value)}
    if isinstance(value, tuple):
        return {name: [_format_item(item) for item in value]}
    return {name: typing.cast(JsonValue, value)}


def _format_item(item: object) -> JsonValue:
    if dataclasses.is_dataclass(item):
        return _format_fields(item)
    return item if isinstance(item, (int, str)) else str(item)


def _as_text(content: bytes) -> str | None:
    """Text that a JSON reader gives back as the same bytes; None if it is no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


# -- reading -----------------------------------------------------------------------------------------------


def parse_plan(document: object, folder: Path) -> tuple[Change, ...]:
    """Read a plan: a list of changes, an object with ``changes``, or what a writing command printed.

    :param folder: where relative host paths begin: the folder of the plan file.
    :raises UsageError: it does not follow docs/plan.md; the message says which change, and what is wrong.
    """
    if isinstance(document, dict):
        data = document.get("data", document)
        changes = data.get("changes") if isinstance(data, dict) else None
    else:
        changes = document
    if not isinstance(changes, list):
        raise UsageError(
            "the plan has no list of changes", hint="imgtools apply --help shows the form of a plan"
        )
    if len(changes) > MAX_CHANGES:
        raise UsageError(f"the plan has {len(changes)} changes, more than {MAX_CHANGES}")
    return tuple(_Parser(number, folder).change(item) for number, item in enumerate(changes, 1))


class _Parser:
    """Reads one change; knows which, for the messages."""

    def __init__(self, number: int, folder: Path) -> None:
        self._name = f"change {number}"
        self._folder = folder

    def change(self, item: object) -> Change:
        if not isinstance(item, dict):
            raise self._wrong("not an object")
        kind = str(item.get("kind", ""))
        if kind not in KINDS:
            raise self._wrong(f"no such kind: {kind!r}", near=(kind, KINDS))
        self._name += f" ({kind})"
        rest = {name: value for name, value in item.items() if name != "kind" and name not in REMARKS}
        keeps = _PRIVATE & {field.name for field in dataclasses.fields(KINDS[kind])}
        if rest.get("private") and keeps and not keeps & {name.removesuffix("_b64") for name in rest}:
            raise self._wrong("its content is private and was left out of the plan")
        if KINDS[kind] is Upload and "size" not in rest and isinstance(rest.get("host_path"), str):
            rest["size"] = self._host_size(rest["host_path"])
        change: Change = self._record(KINDS[kind], rest)
        if isinstance(change, Upload):
            self._check_parts(change)
        for name in ("path", "to", "target"):
            self._check_path(name, getattr(change, name, None), change)
        return change

    def _record(self, cls: type, item: object) -> Any:  # Any: a record of the class that was asked for
        if not isinstance(item, dict):
            raise self._wrong("not an object")
        types = typing.get_type_hints(cls, vars(records))
        fields = {field.name: field for field in dataclasses.fields(cls) if field.name not in _MADE}
        values: dict[str, object] = {}
        for name, value in item.items():
            field = str(name).removesuffix("_b64")
            field = field if field in fields else _ORIGINAL.get(str(name), field)
            if field not in fields or name in _RENAMED:
                raise self._wrong(
                    f"no such field: {name}", near=(_RENAMED.get(field, field), {**fields, **_ORIGINAL})
                )
            if name == field and f"{field}_b64" in item:
                continue  # the exact bytes are beside it
            values[field] = self._value(str(name), value, types[field])
        for name, spec in fields.items():
            if name not in values and spec.default is dataclasses.MISSING:
                raise self._wrong(f"{name} is missing")
        return cls(**values)

    def _value(self, name: str, value: object, wanted: Any) -> object:  # Any: a type as annotated
        choices = typing.get_args(wanted)
        if NoneType in choices:
            return None if value is None else self._value(name, value, choices[0])
        if typing.get_origin(wanted) is tuple:
            return self._items(name, value, choices)
        if name.endswith("_b64"):
            raw = self._decode(name, value)
            return raw if wanted is bytes else raw.decode("utf-8", "surrogateescape")
        if wanted is bytes and isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        if wanted is Path and isinstance(value, str):
            return Path(value) if value == "-" else self._folder / value
        if name == "mode":
            return self._mode(value)
        if type(value) is not wanted:
            raise self._wrong(f"{name} is not {_word_for(wanted)}: {value!r}")
        return value

    def _items(self, name: str, value: object, choices: Sequence[Any]) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise self._wrong(f"{name} is not a list")
        if choices[0] in (int, str):
            if len(choices) == 2 and choices[1] is int and len(value) != 2:
                raise self._wrong(f"{name} is not a pair of numbers")
            return tuple(self._value(name, item, choices[0]) for item in value)
        return tuple(self._record(choices[0], item) for item in value)

    def _decode(self, name: str, value: object) -> bytes:
        try:
            return base64.b64decode(str(value), validate=True)
        except binascii.Error:
            raise self._wrong(f"{name} is not base64") from None

    def _mode(self, value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"(0o?)?[0-7]{1,4}", value):
            return int(value.removeprefix("0o"), 8)
        # YAML reads 0644 as an octal number already.
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0o7777:
            return value
        raise self._wrong(f"mode is not an octal mode such as '0644': {value!r}")

    def _host_size(self, host_path: str) -> int:
        try:
            return (self._folder / host_path).stat().st_size
        except OSError as error:
            raise self._wrong(f"cannot read {host_path}: {error.strerror}") from None

    def _check_path(self, name: str, path: object, change: Change) -> None:
        if not isinstance(path, str):
            return
        if "\0" in path or not path:
            raise self._wrong(f"{name} is empty, or holds a NUL")
        if not path.startswith("/") and not (name == "target" and isinstance(change, records.MakeLink)):
            raise self._wrong(f"{name} is not absolute: {path}")

    def _check_parts(self, change: Upload) -> None:
        end = 0
        for one in change.parts or ():
            if not end <= one.at <= one.at + one.size <= change.size:
                raise self._wrong("its parts do not follow each other within its size")
            end = one.at + one.size
        held = change.size if change.parts is None else sum(one.size for one in change.parts)
        if change.content is not None and (change.offset or len(change.content) != held):
            raise self._wrong(f"its content has {len(change.content)} bytes, and {held} are to be written")

    def _wrong(self, what: str, *, near: tuple[str, Mapping[str, object]] | None = None) -> UsageError:
        close = difflib.get_close_matches(near[0], list(near[1]), 1) if near else []
        hint = f"did you mean {close[0]}?" if close else "imgtools apply --help shows the form of a plan"
        return UsageError(f"{self._name}: {what}", hint=hint)


def _word_for(wanted: Any) -> str:  # Any: a type as annotated
    return {str: "a text", int: "a whole number", bool: "true or false"}.get(wanted, "right")
