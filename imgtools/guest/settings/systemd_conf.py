"""The settings of systemd's own programs: journald.conf, timesyncd.conf, coredump.conf and their drop-ins.

One main file counts, the administrator's before the vendor's; then the drop-ins of all folders, in the order of their
names, those of the same name hiding each other; the last line counts. Source: journald.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.health.units import UnitLine, unit_lines

FOLDERS = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
MAX_FILES = 500


def systemd_settings(files: GuestReader, name: str) -> dict[str, UnitLine]:
    """Return the lines that count of a configuration by their keys: ``journald`` reads journald.conf.

    What is set to nothing has its default, and is left out.
    """
    found: dict[str, UnitLine] = {}
    for path in _files(files, name):
        for line in unit_lines(files, path):
            if line.key and line.section:
                found[line.key] = line
    return {key: line for key, line in found.items() if line.value}


def _files(files: GuestReader, name: str) -> Iterator[str]:
    mains = (f"{folder}/{name}.conf" for folder in FOLDERS)
    main = next((path for path in mains if files.is_file(path)), "")
    if main:
        yield main
    names: dict[str, str] = {}
    for folder in (f"{one}/{name}.conf.d" for one in FOLDERS):
        if files.is_dir(folder):
            for entry in files.list_dir(folder)[:MAX_FILES]:
                if entry.name.endswith(".conf"):
                    names.setdefault(entry.name, f"{folder}/{entry.name}")
    yield from (path for _name, path in sorted(names.items()))


def is_yes(text: str) -> bool | None:
    """Read a boolean as systemd does, systemd.syntax(7); None if it is none."""
    word = text.strip().lower()
    if word in ("1", "yes", "y", "true", "t", "on"):
        return True
    return False if word in ("0", "no", "n", "false", "f", "off") else None
