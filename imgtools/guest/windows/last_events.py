"""What the event log of a Windows says of its last boot: read from its end, and no further than that boot began.

Event 6005 of EventLog and 12 of Kernel-General stand at the beginning of each boot ("Event ID 6005", "Event ID 12",
learn.microsoft.com). Event 1001 of WER-SystemErrorReporting is written at the boot after a bug check; 41 of
Kernel-Power after every restart that was not asked for, with the code of a bug check where there was one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from imgtools.engine.evtx import Damage, EventRecord, read_events
from imgtools.errors import GuestFileError, OddGuest
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.crash import BugCheck
from imgtools.units import parse_count

SYSTEM_LOG = "System32/winevt/Logs/System.evtx"
MOST = 3000  # events; a boot of a desktop has some 300, a server's log of a month some 10,000
BETWEEN = 100  # events between the kernel's start and the event log's, of which the log is told later
LOG_STARTED, KERNEL_STARTED = ("eventlog", 6005), ("microsoft-windows-kernel-general", 12)
REPORTER = ("microsoft-windows-wer-systemerrorreporting", 1001)
POWER = ("microsoft-windows-kernel-power", 41)
BUG_CHECK = re.compile(r"(0x[0-9a-fA-F]{1,16})(?:\s*\(([^)]{0,200})\))?")


@dataclass(frozen=True, slots=True)
class LastBoot:
    """The events of the last boot, newest first. ``last`` is the time of the newest event, 0 without any.

    ``is_whole``: its beginning was found, and is the last of them. ``reason`` says why nothing could be read.
    """

    path: str
    events: tuple[EventRecord, ...] = ()
    last: int = 0
    is_whole: bool = False
    reason: str = ""

    def bug_check(self) -> tuple[EventRecord, BugCheck] | None:
        """Return the bug check before this boot, of which it tells; None if it does not."""
        for event in self.events:
            key = _key(event)
            found = _reported(event) if key == REPORTER else _power(event) if key == POWER else None
            if found is not None:
                return event, found
        return None


def read_last_boot(files: GuestReader, systemroot: str) -> LastBoot:
    """Read the last boot's events of the System log.

    :raises ToolMissing: libevtx is not installed.
    """
    path = join(systemroot, SYSTEM_LOG)
    if not files.is_file(path):
        return LastBoot(path, reason="it has no System log")
    events: list[EventRecord] = []
    began = False
    try:
        with files.open(path) as stream:
            found = read_events(stream, files.stat(path).size, about=path, newest_first=True)
            with closing(found):
                began = _take_boot((one for one in found if not isinstance(one, Damage)), events)
    except (OddGuest, GuestFileError) as error:
        return LastBoot(path, tuple(events), _newest(events), reason=error.message)
    return LastBoot(path, tuple(events), _newest(events), is_whole=began)


def _take_boot(found: Iterator[EventRecord], events: list[EventRecord]) -> bool:
    """Put the newest events into a list, up to the beginning of their boot; return whether it was found."""
    for event in islice(found, MOST):
        events.append(event)
        if _key(event) == KERNEL_STARTED:
            return True
        if _key(event) == LOG_STARTED:
            before = list(islice(found, BETWEEN))
            place = next((n for n, one in enumerate(before) if _key(one) == KERNEL_STARTED), -1)
            events += before[: place + 1]
            return True
    return False


def _key(event: EventRecord) -> tuple[str, int]:
    return event.provider.casefold(), event.event_id


def _newest(events: list[EventRecord]) -> int:
    return max((one.time for one in events), default=0)


def _reported(event: EventRecord) -> BugCheck | None:
    """The bug check of event 1001: ``0x0000007b (0x..., 0x..., 0x..., 0x...)`` is its first datum."""
    for _name, text in event.data:
        if match := BUG_CHECK.search(text):
            numbers = [int(one, 16) for one in re.findall(r"0x[0-9a-fA-F]{1,16}", match[2] or "")]
            return BugCheck(int(match[1], 16) & 0xFFFFFFFF, tuple(numbers[:4]), event.time)
    return None


def _power(event: EventRecord) -> BugCheck | None:
    """The bug check of event 41, in decimal or hexadecimal numbers; None: there was none."""
    data = dict(event.data)
    code = _number(data.get("BugcheckCode", ""))
    names = (f"BugcheckParameter{number}" for number in range(1, 5))
    return BugCheck(code, tuple(_number(data.get(name, "")) for name in names), event.time) if code else None


def _number(text: str) -> int:
    text = text.strip()
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,16}", text):
        return int(text, 16)
    return parse_count(text) or 0
