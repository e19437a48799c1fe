"""The arrays that mdadm.conf(5) names, by the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, hex_digits

CONFIGS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")


class ArrayLine(NamedTuple):
    """An ARRAY line; ``uuid`` in hexadecimal digits, "" if it names none."""

    path: str
    line: int
    uuid: str
    raw: str


def array_lines(files: GuestReader) -> Iterator[ArrayLine]:
    """Yield the ARRAY lines of the guest's mdadm.conf."""
    for path in CONFIGS:
        if not files.is_file(path) or files.stat(path).size > TABLE_LIMIT:
            continue
        for number, line in enumerate(files.read_text(path, limit=TABLE_LIMIT).split("\n"), 1):
            words = line.split()
            if len(words) > 1 and words[0].upper() == "ARRAY" and words[1] != "<ignore>":
                said = next((word[5:] for word in words[1:] if word.lower().startswith("uuid=")), "")
                yield ArrayLine(path, number, hex_digits(said), line.strip())
