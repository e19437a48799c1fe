"""What keeps lines of crypttab from being opened: a device that is gone, or is not encrypted, a second line for a name.

Source: crypttab(5) of systemd and of Debian's cryptsetup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, Devices, is_passing
from imgtools.records.disks import ENCRYPTED, Holder, Layout, Volume

CRYPTTAB = "/etc/crypttab"
# Options of lines that open what has no header, or one that is not LUKS'.
PLAIN = frozenset({"plain", "swap", "tmp", "tcrypt", "tcrypt-hidden", "tcrypt-system", "loop"})


class CryptFaultKind(StrEnum):
    """What is wrong with a line."""

    GONE = "source-missing"
    PLAIN = "not-encrypted"
    TWICE = "duplicate"


@dataclass(frozen=True, slots=True)
class CryptEntry:
    """One line: the name of the mapping, the device below it, the key file and the options."""

    name: str
    spec: str
    key: str
    options: tuple[str, ...]
    line: int

    @property
    def may_be_missing(self) -> bool:
        """Whether the guest does not mind if the device is not there."""
        return "nofail" in self.options or "noauto" in self.options


@dataclass(frozen=True, slots=True)
class CryptFault:
    """One thing that is wrong with a line; ``volume`` is the only one that fits in its place, None if none does."""

    kind: CryptFaultKind
    entry: CryptEntry
    text: str
    volume: Volume | None = None
    candidates: int = 0

    @property
    def line(self) -> int:
        """The number of the line, from 1."""
        return self.entry.line


def crypttab_text(files: GuestReader) -> str:
    """Return the guest's crypttab; "" if it has none, or one that is too large to be one."""
    if not files.is_file(CRYPTTAB) or files.stat(CRYPTTAB).size > TABLE_LIMIT:
        return ""
    return files.read_text(CRYPTTAB, limit=TABLE_LIMIT)


def parse_lines(text: str) -> tuple[CryptEntry, ...]:
    """Return the lines that name a mapping and a device."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if len(words) > 1 and not words[0].startswith("#"):
            key = words[2] if len(words) > 2 else "none"
            options = tuple(words[3].split(",")) if len(words) > 3 else ()
            found.append(CryptEntry(words[0], words[1], key, options, number))
    return tuple(found)


def crypttab_faults(files: GuestReader, layout: Layout, root: Volume) -> tuple[CryptFault, ...]:
    """Return what is wrong with the lines of the guest's crypttab, in their order; one fault a line at most."""
    entries = parse_lines(crypttab_text(files))
    devices = Devices(layout, root)
    found = {one.line: devices.find(one.spec) for one in entries}
    return tuple(_faults(entries, found, layout))


def _faults(
    entries: tuple[CryptEntry, ...], found: dict[int, Volume | None], layout: Layout
) -> Iterator[CryptFault]:
    names: dict[str, CryptEntry] = {}
    for entry in entries:
        if entry.name in names:
            text = f"{entry.name} is opened by line {names[entry.name].line} already"
            yield CryptFault(CryptFaultKind.TWICE, entry, text)
            continue
        names[entry.name] = entry
        volume = found[entry.line]
        # A file of the guest is a source too, and so is what comes and goes.
        is_device = entry.spec.startswith("/dev/") or "=" in entry.spec
        if not is_device or is_passing(entry.spec) or entry.may_be_missing:
            continue
        is_plain = bool(PLAIN.intersection(re.split("[=,]", ",".join(entry.options))))
        if volume is not None and (is_plain or volume.content in ENCRYPTED):
            continue
        if volume is None and not _can_tell(entry, layout):
            continue
        what = "is on no disk" if volume is None else f"is {volume.content or 'empty'}, not encrypted"
        used = {one.device for one in found.values() if one is not None}
        fits = [one for one in layout.volumes if one.content in ENCRYPTED and one.device not in used]
        fits = [] if is_plain else fits
        only = fits[0] if len(fits) == 1 else None
        text = f"{entry.spec} for {entry.name} {what}"
        kind = CryptFaultKind.GONE if volume is None else CryptFaultKind.PLAIN
        yield CryptFault(kind, entry, text, only, len(fits))


def _can_tell(entry: CryptEntry, layout: Layout) -> bool:
    """Whether a device that is not found is on none of the disks: one in a locked volume is not seen."""
    if layout.unread:
        return False
    inside = [one for one in layout.locked if one.holder is not Holder.PARTITION]
    is_name = not entry.spec.startswith("/dev/mapper/") and "=" in entry.spec
    return not layout.locked or (is_name and not inside)
