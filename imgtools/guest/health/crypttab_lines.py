"""/etc/crypttab line by line, against the volumes that are there.

The station tells it, and the repair mends by it. Source: crypttab(5) of systemd and of Debian's cryptsetup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, Devices, is_passing, read_names
from imgtools.records.disks import ENCRYPTED, Holder, Layout, Volume

CRYPTTAB = "/etc/crypttab"
MOST_LINES = 1000
# Options of lines that open what has no header, or one that is not LUKS'.
PLAIN = frozenset({"plain", "swap", "tmp", "tcrypt", "tcrypt-hidden", "tcrypt-system", "loop"})
# ... and of those whose header may be elsewhere.
HEADERLESS = PLAIN | {"bitlk", "header", "keyscript", "hash", "cipher"}
MADE_KEYS = ("none", "-", "/dev/urandom", "/dev/random", "/dev/hw_random")


class WrongCrypt(StrEnum):
    """What is wrong with a line."""

    SYNTAX = "syntax"
    SOURCE = "source"
    CONTENT = "content"
    KEY = "key"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class CryptEntry:
    """One line: the name of the mapping, the device below it, the key file and the options."""

    name: str
    spec: str
    key: str
    options: tuple[str, ...]
    line: int

    @property
    def keys(self) -> frozenset[str]:
        """The options without their values."""
        return frozenset(one.partition("=")[0] for one in self.options)

    @property
    def may_be_missing(self) -> bool:
        """Whether the guest does not mind if the device is not there."""
        return not self.keys.isdisjoint(("nofail", "noauto"))


@dataclass(frozen=True, slots=True)
class CrypttabProblem:
    """What is wrong with a line. ``stops``: the boot waits for it, and ends in emergency mode.

    :param raw: the line as it stands there.
    :param volume: the only one that fits in the place of what the line names; None: none does.
    :param candidates: how many would fit.
    :param mendable: whether anything can be done about it in crypttab.
    """

    wrong: WrongCrypt
    entry: CryptEntry
    text: str
    raw: str
    stops: bool = False
    volume: Volume | None = None
    candidates: int = 0
    mendable: bool = True

    @property
    def line(self) -> int:
        """The number of the line, from 1."""
        return self.entry.line


def crypttab_text(files: GuestReader) -> str:
    """Return the guest's crypttab; "" if it has none, or one that is too large to be one."""
    if not files.is_file(CRYPTTAB) or files.stat(CRYPTTAB).size > TABLE_LIMIT:
        return ""
    return files.read_text(CRYPTTAB, limit=TABLE_LIMIT)


def crypttab_problems(files: GuestReader, root: Volume, layout: Layout) -> tuple[CrypttabProblem, ...]:
    """Return what is wrong with the lines of the guest's crypttab, in their order; what gives a line up first."""
    lines = crypttab_text(files).split("\n")[:MOST_LINES]
    entries = [_entry(line.split(), number) for number, line in enumerate(lines, 1) if _says(line)]
    devices = Devices(layout, root, read_names(files))
    judge = _Judge(files, layout, lines, {one.line: devices.find(one.spec) for one in entries})
    return tuple(found for one in entries for found in judge.look(one))


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _entry(words: list[str], number: int) -> CryptEntry:
    spec, key, options = ([*words[1:4], "", "", ""])[:3]
    return CryptEntry(words[0], spec, key or "none", tuple(options.split(",")) if options else (), number)


class _Judge:
    """One look at crypttab."""

    def __init__(
        self, files: GuestReader, layout: Layout, lines: list[str], found: dict[int, Volume | None]
    ) -> None:
        self._files, self._layout, self._lines, self._found = files, layout, lines, found
        self._names: dict[str, int] = {}

    def look(self, entry: CryptEntry) -> Iterator[CrypttabProblem]:
        """Yield what is wrong with a line."""
        raw = self._lines[entry.line - 1].strip()
        first = self._names.setdefault(entry.name, entry.line)
        if first != entry.line:
            said = f"{entry.name} is opened by line {first} already"
            yield CrypttabProblem(WrongCrypt.TWICE, entry, said, raw)
        if not entry.spec:
            said = "one field where there should be at least 2"
            yield CrypttabProblem(WrongCrypt.SYNTAX, entry, said, raw)
            return
        stops = entry.keys.isdisjoint(("nofail", "noauto", "_netdev"))
        # A file of the guest is a source too, and so is what comes and goes.
        is_device = entry.spec.startswith("/dev/") or "=" in entry.spec
        if not is_device or is_passing(entry.spec):
            return
        volume = self._found[entry.line]
        is_right = volume is not None and (
            volume.content in ENCRYPTED or not entry.keys.isdisjoint(HEADERLESS)
        )
        if (
            not is_right and not entry.may_be_missing
        ):  # the line says itself that the guest goes on without it
            yield self._wrong_source(entry, volume, raw, stops=stops)
        if volume is not None and self._lacks_key(entry):
            said = f"the key file {entry.key} is not there"
            yield CrypttabProblem(WrongCrypt.KEY, entry, said, raw, stops, mendable=False)

    def _wrong_source(
        self, entry: CryptEntry, volume: Volume | None, raw: str, *, stops: bool
    ) -> CrypttabProblem:
        used = {one.device for one in self._found.values() if one is not None}
        encrypted = (one for one in self._layout.volumes if one.content in ENCRYPTED)
        fits = [one for one in encrypted if one.device not in used] if entry.keys.isdisjoint(PLAIN) else []
        what = "is on no disk" if volume is None else f"is {volume.content or 'empty'}, not encrypted"
        return CrypttabProblem(
            WrongCrypt.SOURCE if volume is None else WrongCrypt.CONTENT,
            entry,
            f"{entry.spec} for {entry.name} {what}",
            raw,
            stops,
            fits[0] if len(fits) == 1 else None,
            len(fits),
            mendable=volume is not None or _can_tell(entry, self._layout),
        )

    def _lacks_key(self, entry: CryptEntry) -> bool:
        is_file = entry.key.startswith("/") and entry.key not in MADE_KEYS and ":" not in entry.key
        return is_file and "keyscript" not in entry.keys and not self._files.exists(entry.key)


def _can_tell(entry: CryptEntry, layout: Layout) -> bool:
    """Whether a device that is not found is on none of the disks: one in a locked volume is not seen."""
    if layout.unread:
        return False
    inside = [one for one in layout.locked if one.holder is not Holder.PARTITION]
    is_name = not entry.spec.startswith("/dev/mapper/") and "=" in entry.spec
    return not layout.locked or (is_name and not inside)
