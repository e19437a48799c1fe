"""What documents about a guest have in common: who made them and when, and texts that every reader takes.

A document is a mapping of what JSON can say. It is written an entry a line: quick to write, as what has no indent is
encoded by C, and a program that compares lines shows which package has changed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from uuid import UUID, uuid4, uuid5

from imgtools.errors import UsageError
from imgtools.records.components import Component
from imgtools.workflows.sbom import SbomReport

# A name space of our own for numbers that are made of what a document holds (RFC 9562, 5.5).
NAMESPACE = UUID("f2b7c0de-5a0b-4c1e-9d53-1d6a0f3f5b16")
LAST_YEAR = 253402300799  # seconds: the end of the year 9999
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_CHUNK = 1 << 16  # characters that are handed on at a time


@dataclass(frozen=True, slots=True)
class Stamp:
    """The number of a document, and the moment that it was made at; None: it says none."""

    number: UUID
    moment: datetime | None


def make_stamp(report: SbomReport, *, reproducible: bool) -> Stamp:
    """Return a new number and the present moment; or, to make the same bytes twice, what follows from the content.

    :param reproducible: the moment is that of SOURCE_DATE_EPOCH (reproducible-builds.org), or none.
    :raises UsageError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch and not (epoch.isascii() and epoch.isdigit() and int(epoch[:20]) <= LAST_YEAR):
        raise UsageError(f"SOURCE_DATE_EPOCH is no number of seconds: {epoch[:40]!r}")
    if not reproducible:
        return Stamp(uuid4(), datetime.now(UTC).replace(microsecond=0))
    from hashlib import sha256  # slow to import

    digest = sha256()
    for part in (report.components, report.files or (), report.affected or ()):
        for one in part:
            digest.update(repr(one).encode("utf-8", "surrogateescape") + b"\n")
    return Stamp(
        uuid5(NAMESPACE, digest.hexdigest()), datetime.fromtimestamp(int(epoch), UTC) if epoch else None
    )


def image_name(report: SbomReport) -> str:
    """The name of the image's file, without its folders: they are of the host, and of no interest elsewhere."""
    return printable(PurePath(report.image).name) or "image"


def printable(text: str) -> str:
    """Return a text without what JSON and XML do not take: halves of characters and control characters."""
    if text.isascii() and text.isprintable():
        return text
    try:
        whole = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half of a character that no byte of a name stands for
        whole = text.encode("utf-8", "replace").decode()
    return _UNFIT.sub("\ufffd", whole)


def numbered(components: Iterable[Component]) -> Iterator[tuple[str, Component]]:
    """Yield components, each with a name that no other has: its purl, where it is the only one with that."""
    seen: dict[str, int] = {}
    for one in components:
        title = one.purl or f"{one.kind}:{one.name}@{one.version}"
        seen[title] = seen.get(title, 0) + 1
        yield (title if seen[title] == 1 else f"{title}#{seen[title]}"), one


def without_empty(**facts: object) -> dict[str, object]:
    """Return the facts that say something: not None, nor a text or an array without anything in it."""
    return {name: value for name, value in facts.items() if value}


def lay_out(document: Mapping[str, object]) -> Iterator[str]:
    """Yield the text of a JSON object piece by piece, with an entry a line.

    Of its values, those that are iterators are arrays whose entries are made while they are written, so that
    a document about a million files is never held whole.
    """
    encode = json.JSONEncoder().encode
    waiting, length = ["{"], 0
    for number, (name, value) in enumerate(document.items()):
        waiting.append(f"{',' if number else ''}\n{encode(name)}: ")
        if not isinstance(value, list | Iterator):
            waiting.append(encode(value))
            continue
        waiting.append("[")
        separator = "\n  "
        for entry in value:
            piece = separator + encode(entry)
            separator = ",\n  "
            waiting.append(piece)
            length += len(piece)
            if length > _CHUNK:
                yield "".join(waiting)
                waiting, length = [], 0
        waiting.append("\n]")
    yield "".join([*waiting, "\n}\n"])
