"""/etc/crypttab line by line, against the volumes that are there: crypttab(5) of systemd and of Debian."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import TABLE_LIMIT, Devices, is_passing, read_names
from imgtools.records.disks import Layout, Volume

CRYPTTAB = "/etc/crypttab"
MOST_LINES = 1000
# A volume that carries no header of its own, or one of another kind than LUKS.
HEADERLESS = ("plain", "swap", "tmp", "tcrypt", "bitlk", "header", "keyscript", "hash", "cipher")
MADE_KEYS = ("none", "-", "/dev/urandom", "/dev/random", "/dev/hw_random")


class WrongCrypt(StrEnum):
    """What is wrong with a line."""

    SYNTAX = "syntax"
    SOURCE = "source"
    CONTENT = "content"
    KEY = "key"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class CrypttabProblem:
    """What is wrong with a line. ``stops``: the boot waits for it, and ends in emergency mode."""

    wrong: WrongCrypt
    line: int
    text: str
    raw: str
    stops: bool = False


def crypttab_problems(files: GuestReader, root: Volume, layout: Layout) -> tuple[CrypttabProblem, ...]:
    """Return what is wrong with the lines of the guest's crypttab, in their order."""
    if not files.is_file(CRYPTTAB) or files.stat(CRYPTTAB).size > TABLE_LIMIT:
        return ()
    devices = Devices(layout, root, read_names(files))
    found: list[CrypttabProblem] = []
    names: dict[str, int] = {}
    for number, line in enumerate(files.read_text(CRYPTTAB, limit=TABLE_LIMIT).split("\n")[:MOST_LINES], 1):
        raw = line.strip()
        if not raw or raw.startswith("#"):
            continue
        words = raw.split()
        if words[0] in names:
            said = f"{words[0]} is opened by line {names[words[0]]} already"
            found.append(CrypttabProblem(WrongCrypt.TWICE, number, said, raw))
        names.setdefault(words[0], number)
        found += (
            CrypttabProblem(wrong, number, said, raw, stops)
            for wrong, said, stops in _look(words, devices, files)
        )
    return tuple(found)


def _look(words: list[str], devices: Devices, files: GuestReader) -> Iterator[tuple[WrongCrypt, str, bool]]:
    if len(words) < 2:
        yield WrongCrypt.SYNTAX, "one field where there should be at least 2", False
        return
    options = words[3].split(",") if len(words) > 3 else []
    keys = [one.partition("=")[0] for one in options]
    stops = not {"nofail", "noauto", "_netdev"}.intersection(keys)
    spec = words[1]
    if is_passing(spec) or not (spec.startswith("/dev/") or "=" in spec):
        return
    volume = devices.find(spec)
    if volume is None:
        yield WrongCrypt.SOURCE, f"{spec} for {words[0]} is not in this image", stops
        return
    if volume.content not in ("crypto_LUKS", "BitLocker") and not any(key in HEADERLESS for key in keys):
        holds = volume.content or "nothing that is known"
        yield WrongCrypt.CONTENT, f"{spec} holds {holds}, no encrypted volume", stops
    key = words[2] if len(words) > 2 else "none"
    is_file = key.startswith("/") and key not in MADE_KEYS and ":" not in key and "keyscript" not in keys
    if is_file and not files.exists(key):
        yield WrongCrypt.KEY, f"the key file {key} is not there", stops
