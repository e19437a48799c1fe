"""The lines by which GRUB's configuration searches filesystems by their UUID.

Source: "search" in GRUB's manual; /usr/share/grub/grub-mkconfig_lib, prepare_grub_to_access_device.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SEARCH = re.compile(
    r"(?m)^([ \t]*search(?:\.fs_uuid)?[ \t][^\n]*?)([0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}[0-9A-Fa-f-]*)"
)
_OF_OTHERS = re.compile(r"### (BEGIN|END) /etc/grub\.d/30_os-prober")


def lines_with_searches(text: str) -> Iterator[tuple[str, bool]]:
    """Yield all lines with their ends, and whether each is a search of this system's: os-prober finds others' too."""
    others = False
    for line in text.splitlines(keepends=True):
        if found := _OF_OTHERS.match(line):
            others = found[1] == "BEGIN"
        yield line, not others and ("fs-uuid" in line or "fs_uuid" in line)


def searched_uuids(text: str) -> Iterator[tuple[int, str]]:
    """Yield the UUIDs that are searched, with the number of the line that does it; each UUID once."""
    seen: set[str] = set()
    for number, (line, is_search) in enumerate(lines_with_searches(text), 1):
        found = SEARCH.match(line) if is_search else None
        if found and found[2].casefold() not in seen:
            seen.add(found[2].casefold())
            yield number, found[2]
