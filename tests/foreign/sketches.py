"""What is on a volume: imgtools' answer, held against what util-linux expects blkid to say of its own images."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

import imgtools
from imgtools.errors import ImgtoolsError
from tests.foreign.verdicts import Finding, Verdict

SECTOR = 512  # bytes


def compare_sketches(images: Iterator[Path], expected: Path) -> Iterator[Finding]:
    """Yield what comes of each image with an expectation."""
    for image in images:
        name = urllib.parse.unquote(image.name).removesuffix(".img")
        place = expected / f"low-probe-{name}"
        if (
            image.stat().st_size % SECTOR
        ):  # blkid looks at the end of the file, which is not the end of a disk
            yield Finding(image.name, Verdict.ODD, "no disk: its size is no multiple of a sector")
        elif place.exists():
            yield _compare(image, _expectation(place.read_text("utf-8", "surrogateescape")))


def _expectation(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: _plain(value) for name, _, value in pairs}


def _plain(value: str) -> str:
    """A value without blkid's escapes; bytes that are no UTF-8 as surrogates, as names of files have them."""
    raw = value.encode("utf-8", "surrogateescape")
    return re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), raw).decode(
        "utf-8", "surrogateescape"
    )


def _compare(image: Path, expected: Mapping[str, str]) -> Finding:
    try:
        report = imgtools.list_filesystems(image, format="raw", usage=False, engine="direct")
    except ImgtoolsError as error:
        return Finding(image.name, Verdict.REFUSED, error.message)
    rows = {row.content: row for row in report.filesystems}
    kind = expected.get("ID_FS_TYPE", "")
    row = rows.get(kind)
    if row is None:
        found = ", ".join(sorted(rows)) or "nothing"
        return Finding(image.name, Verdict.WRONG, f"blkid says {kind or 'nothing'}, imgtools {found}")
    facts = {
        "label": (row.label, expected.get("ID_FS_LABEL_ENC", "")),
        "uuid": (row.uuid, expected.get("ID_FS_UUID_ENC", "")),
        "version": (row.version, expected.get("ID_FS_VERSION", "")),
    }
    odd = [f"{name} {ours!r}, blkid {theirs!r}" for name, (ours, theirs) in facts.items() if ours != theirs]
    return Finding(image.name, Verdict.WRONG if odd else Verdict.SAME, "; ".join(odd))
