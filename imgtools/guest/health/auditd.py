"""What auditd does when its disk is full, auditd.conf(5), and how near that is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgtools.files.tree import GuestReader

CONFIG = "/etc/audit/auditd.conf"
LIMIT = 1 << 18
STOPPING = ("halt", "single")
# The action, what it is about, and the setting with the room at which it is taken ("": when nothing is left).
ACTIONS = (
    ("admin_space_left_action", "admin_space_left"),
    ("space_left_action", "space_left"),
    ("disk_full_action", ""),
    ("disk_error_action", ""),
)
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class AuditStop:
    """An action that stops the machine: the setting, its line, and the room in bytes at which it is taken."""

    setting: str
    line: int
    action: str
    room: int


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """Where auditd writes, and what stops the machine when there is no room."""

    log_file: str
    stops: tuple[AuditStop, ...]


def read_auditd(files: GuestReader, size: int) -> AuditConfig | None:
    """Return what auditd is told; None if the guest has none.

    :param size: of the filesystem that it writes to, in bytes, for settings in per cent.
    """
    if not files.is_file(CONFIG) or files.stat(CONFIG).size > LIMIT:
        return None
    said: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(files.read_text(CONFIG, limit=LIMIT).splitlines(), 1):
        if match := re.match(r"\s*(\w+)\s*=\s*(\S+)", line):
            said[match[1].lower()] = (match[2], number)
    stops = []
    for name, limit in ACTIONS:
        action, number = said.get(name, ("", 0))
        if action.lower() in STOPPING and name != "disk_error_action":
            stops.append(AuditStop(name, number, action.lower(), _room(said.get(limit, ("", 0))[0], size)))
    return AuditConfig(said.get("log_file", ("/var/log/audit/audit.log", 0))[0], tuple(stops))


def _room(text: str, size: int) -> int:
    """Megabytes, or a part of the filesystem in per cent."""
    if match := re.fullmatch(r"(\d{1,9})(%?)", text):
        return size * min(int(match[1]), 100) // 100 if match[2] else int(match[1]) * MEGABYTE
    return MEGABYTE
