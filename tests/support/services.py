"""Guests in memory with units that are started."""

from __future__ import annotations

from tests.support.memory import Content, link

SYSTEMD: dict[str, Content] = {"/usr/lib/systemd/systemd": ""}
VENDOR, ADMIN = "/usr/lib/systemd/system", "/etc/systemd/system"


def unit(
    name: str, text: str = "[Service]\n", *, on: bool = True, folder: str = VENDOR
) -> dict[str, Content]:
    """A systemd guest with a unit; ``on``: it is started."""
    files: dict[str, Content] = {**SYSTEMD, f"{folder}/{name}": text}
    if on:
        files[f"{ADMIN}/multi-user.target.wants/{name}"] = link(f"{folder}/{name}")
    return files


def units(*names: str) -> dict[str, Content]:
    """A systemd guest that starts some services."""
    return {path: content for name in names for path, content in unit(name).items()}
