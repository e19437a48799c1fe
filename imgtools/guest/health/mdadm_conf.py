"""Lines of mdadm.conf(5) that name arrays which are on none of the disks: the station tells it, the repair mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, hex_digits
from imgtools.records.disks import Holder, Layout

CONFIGS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")


class ArrayLine(NamedTuple):
    """An ARRAY line; ``said`` is its UUID as it stands there, "" if it names none."""

    path: str
    line: int
    name: str
    said: str
    raw: str


@dataclass(frozen=True, slots=True)
class MdProblem:
    """An ARRAY line whose array is gone. ``uuid`` is that of the only array that no line names, "" if there is none.

    :param mendable: False where nobody can tell, because something is not looked into.
    """

    array: ArrayLine
    text: str
    uuid: str = ""
    mendable: bool = True


def array_lines(files: GuestReader) -> Iterator[ArrayLine]:
    """Yield the ARRAY lines of the guest's mdadm.conf."""
    for path in CONFIGS:
        if not files.is_file(path) or files.stat(path).size > TABLE_LIMIT:
            continue
        for number, line in enumerate(files.read_text(path, limit=TABLE_LIMIT).split("\n"), 1):
            words = line.split()
            if len(words) > 1 and words[0].upper() == "ARRAY" and words[1] != "<ignore>":
                said = next((word[5:] for word in words[1:] if word.lower().startswith("uuid=")), "")
                yield ArrayLine(path, number, words[1], said, line.strip())


def array_uuids(layout: Layout) -> tuple[str, ...]:
    """Return the UUIDs of the arrays, as hexadecimal digits: each member carries that of its array."""
    members = [one for one in layout.volumes if one.content == "linux_raid_member"]
    assembled = {up for one in layout.volumes if one.holder is Holder.MD for up in one.parents}
    members.sort(key=lambda one: one.device not in assembled)
    return tuple(dict.fromkeys(hex_digits(one.uuid) for one in members if one.uuid))


def md_problems(files: GuestReader, layout: Layout) -> tuple[MdProblem, ...]:
    """Return the lines whose arrays are gone."""
    there = array_uuids(layout)
    named = [one for one in array_lines(files) if one.said]
    digits = {hex_digits(one.said) for one in named}
    free = [one for one in there if one not in digits]
    gone = [one for one in named if hex_digits(one.said) not in there]
    only = as_mdadm_writes(free[0]) if len(free) == 1 and len(gone) == 1 else ""
    return tuple(
        MdProblem(
            one, f"the array {one.name} (UUID {one.said}) is on no disk", only, mendable=not layout.unread
        )
        for one in gone
    )


def as_mdadm_writes(digits: str) -> str:
    """Return a UUID in mdadm's way: four groups of eight digits."""
    return ":".join(digits[start : start + 8] for start in range(0, 32, 8))
