"""Small files of language packages, read with bounds: JSON, and mail-like headers.

Whoever runs a guest can write these files. A damaged one is an :class:`OddGuest`, and costs the one package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader

LIMIT = 8 << 20  # bytes of one file; a .deps.json of a large service has 1 MB
LONGEST = 400  # characters of a name or a version; the longest real ones have some 150

Json = Mapping[str, object]


def read_json(files: GuestReader, path: str) -> Json:
    """Return a JSON object.

    :raises OddGuest: it does not parse, or is no object.
    """
    return parse_json(files.read_bytes(path, limit=LIMIT), path)


def parse_json(content: bytes, path: str) -> Json:
    """Return a JSON object that is in the file ``path``.

    :raises OddGuest: it does not parse, or is no object.
    """
    try:
        found = json.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise OddGuest(f"{path} does not parse: {type(error).__name__}", hint="it is damaged") from None
    if not isinstance(found, dict):
        raise OddGuest(f"{path} is no JSON object", hint="it is damaged")
    return found


def text_of(found: Json, name: str) -> str:
    """Return a text of a JSON object, "" if it is another thing or not there."""
    value = found.get(name)
    return one_line(value) if isinstance(value, str) else ""


def one_line(text: str) -> str:
    """Return a text as one line of at most :data:`LONGEST` characters that a document may hold."""
    # Neither halves of a character (an UTF-8 that is none) nor control characters belong into a document.
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]+", " ", whole).split())[:LONGEST]


def parse_headers(text: str) -> dict[str, list[str]]:
    """Return the headers up to the first empty line, by their names in small letters; folded lines are joined."""
    head = re.split(r"\r?\n\r?\n", text.lstrip("\ufeff\r\n"), maxsplit=1)[0]
    found: dict[str, list[str]] = {}
    for match in re.finditer(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\r?\n[ \t].*)*)", head, re.MULTILINE):
        found.setdefault(match[1].lower(), []).append(one_line(match[2]))
    return found
