"""Journal files for tests."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from fixtures.journal import build

BOOT = "b0010000000040008000000000000001"
MACHINE = "0d2e1a3b4c5d4e6f8a9b0c1d2e3f4a5b"


def make_journal(*entries: Mapping[str, str | int]) -> bytes:
    """A journal with these entries; ``time`` is seconds since 1970, the rest are journal fields."""
    return _build("".join(_export(entry) for entry in entries))


@functools.cache
def _build(text: str) -> bytes:
    return build(text)


def _export(entry: Mapping[str, str | int]) -> str:
    fields = {"_BOOT_ID": BOOT, "_MACHINE_ID": MACHINE, "_HOSTNAME": "web01", "__MONOTONIC_TIMESTAMP": "1000"}
    fields |= {name: str(value) for name, value in entry.items() if name != "time"}
    lines = [f"__REALTIME_TIMESTAMP={round(float(entry['time']) * 10**6)}"]
    return "\n".join([*lines, *(f"{name}={value}" for name, value in fields.items())]) + "\n\n"
