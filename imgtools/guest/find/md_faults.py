"""Lines of mdadm.conf that name arrays which are on none of the disks.

Source: mdadm.conf(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, hex_digits
from imgtools.records.disks import Holder, Layout

MDADM_CONF = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")


@dataclass(frozen=True, slots=True)
class MdFault:
    """An ARRAY line whose array is gone. ``uuid`` is that of the only array that no line names, "" if there is none."""

    path: str
    line: int
    said: str  # the UUID as it stands there
    text: str
    uuid: str = ""


def array_uuids(layout: Layout) -> tuple[str, ...]:
    """Return the UUIDs of the arrays, as hexadecimal digits: each member carries that of its array."""
    members = [one for one in layout.volumes if one.content == "linux_raid_member"]
    assembled = {up for one in layout.volumes if one.holder is Holder.MD for up in one.parents}
    members.sort(key=lambda one: one.device not in assembled)
    return tuple(dict.fromkeys(hex_digits(one.uuid) for one in members if one.uuid))


def md_faults(files: GuestReader, layout: Layout) -> tuple[MdFault, ...]:
    """Return the lines whose arrays are gone; none where nobody can tell, because something is not looked into."""
    if layout.unread:
        return ()
    there = array_uuids(layout)
    named: list[tuple[str, int, str, str]] = []  # path, line, the UUID as written, the array's name
    for path in MDADM_CONF:
        if files.is_file(path) and files.stat(path).size <= TABLE_LIMIT:
            for number, line in enumerate(files.read_text(path, limit=TABLE_LIMIT).split("\n"), 1):
                words = line.split()
                uuid = next((word[5:] for word in words[1:] if word.lower().startswith("uuid=")), "")
                if words and words[0].upper() == "ARRAY" and uuid:
                    named.append((path, number, uuid, words[1]))
    digits = {hex_digits(uuid) for _path, _line, uuid, _name in named}
    free = [one for one in there if one not in digits]
    gone = [one for one in named if hex_digits(one[2]) not in there]
    only = as_mdadm_writes(free[0]) if len(free) == 1 and len(gone) == 1 else ""
    return tuple(
        MdFault(path, line, uuid, f"the array {name} (UUID {uuid}) is on no disk", only)
        for path, line, uuid, name in gone
    )


def as_mdadm_writes(digits: str) -> str:
    """Return a UUID in mdadm's way: four groups of eight digits."""
    return ":".join(digits[start : start + 8] for start in range(0, 32, 8))
