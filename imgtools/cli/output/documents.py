"""Records as JSON documents: one envelope around all of them (docs/json.md)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from imgtools.cli.output.clean import clean
from imgtools.errors import LONGEST_MESSAGE, ImgtoolsError, shorten
from imgtools.records.files import FileKind
from imgtools.records.request import Secret
from imgtools.units import format_time

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

# Fields that hold nanoseconds since 1970; JSON shows them as RFC 3339 in UTC.
TIME_FIELDS = frozenset(
    {"atime", "mtime", "ctime", "time", "modified", "created", "installed", "last_login"}
    | {"last_used", "obtained", "expires", "password_changed"}
)
# Fields of a report that belong to the envelope, not to its data.
ENVELOPE_FIELDS = ("image", "engine", "warnings")


def to_json(value: object) -> JsonValue:
    """Turn a frozen record into JSON values. Keys are field names; see docs/json.md.

    What is no part of a record's ``repr`` is none of its JSON. A record whose JSON is more than its fields says it
    itself, in ``as_json``.
    """
    if (own := getattr(value, "as_json", None)) is not None:
        return to_json(own())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = (
            (field.name, getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr
        )
        return _json_object(pairs)
    if isinstance(value, Mapping):
        return _json_object((str(key), item) for key, item in value.items())
    if isinstance(value, FileKind):
        return value.name.lower()
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Secret):
        raise TypeError("a secret cannot become JSON")
    if isinstance(value, Iterable):
        return [to_json(item) for item in value]
    raise TypeError(f"no JSON for {type(value).__name__}")


def _json_object(pairs: Iterable[tuple[str, object]]) -> dict[str, JsonValue]:
    """Build one JSON object; a string that is not UTF-8 gets a second, exact key with its bytes."""
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        value = str(value) if isinstance(value, Path) else value
        if key in TIME_FIELDS and isinstance(value, int) and not isinstance(value, bool):
            found[key] = format_time(value)
        elif isinstance(value, str) and not isinstance(value, Enum) and not _is_unicode(value):
            raw = value.encode("utf-8", "surrogateescape")
            found[key] = raw.decode("utf-8", "replace")
            found[f"{key}_b64"] = base64.b64encode(raw).decode("ascii")
        else:
            found[key] = to_json(value)
    return found


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def envelope(report: object, schema: str) -> dict[str, JsonValue]:
    """Put a report into the envelope that all commands share."""
    data = to_json(report)
    outer: dict[str, JsonValue] = {"schema": schema, "ok": True}
    if isinstance(data, dict):
        for name in ENVELOPE_FIELDS:
            if name in data:
                outer[name] = data.pop(name)
    if isinstance(told := outer.get("warnings"), list):  # two looks at one image say the same of it
        outer["warnings"] = [one for number, one in enumerate(told) if one not in told[:number]]
    outer["data"] = data
    outer.setdefault("warnings", [])
    return outer


def error_envelope(error: ImgtoolsError) -> dict[str, JsonValue]:
    """The document that ``--json`` prints when a command fails; among many images, when one does."""
    facts: dict[str, JsonValue] = {
        "class": type(error).__name__,
        "message": clean(shorten(error.message, LONGEST_MESSAGE)),
        "hint": clean(shorten(error.hint, LONGEST_MESSAGE)),
        "exit_code": error.exit_code,
    }
    return {"schema": "imgtools.error/1", "ok": False, "error": facts, "warnings": []}
