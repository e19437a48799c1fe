"""What the logs of a boot say was wrong: the same signs, and the same ids, as on a console."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.guest.boot.console import read_console
from imgtools.guest.logs.last_boot import ToldLine

BANNER = "Linux version 0.0"  # what is read is the kernel's and systemd's: no boot menu stands before it
THROUGH = re.compile(
    r"Reached target (?:.* - )?(?:Multi-User|Graphical|multi-user\.target|graphical\.target)"
)
# A limit that somebody gave to a service is no lack of memory.
OF_A_GROUP = re.compile(r"Memory cgroup out of memory|CONSTRAINT_MEMCG")
# What ends in emergency mode, or on the kernel's last line: a way that a boot ends by, which has a cause of its own.
ENDS = ("kernel-panic", "emergency-mode", "initramfs-shell")


@dataclass(frozen=True, slots=True)
class LogSign:
    """A cause that a log names, and the lines that do."""

    id: str
    lines: tuple[ToldLine, ...]


def signs_in(lines: Sequence[ToldLine]) -> tuple[LogSign, ...]:
    """Return what the lines of one boot say, in the order in which they say it first.

    Emergency mode that somebody has left again, and got to a login, is none.
    """
    text = "\n".join([BANNER, *(" ".join(one.text.split("\n")) for one in lines)])
    found: dict[str, list[ToldLine]] = {}
    for cause in read_console(text).causes:
        number = cause.line_number - 2
        if not 0 <= number < len(lines) or OF_A_GROUP.search(cause.line):
            continue
        if cause.id == "emergency-mode" and any(THROUGH.search(one.text) for one in lines[number:]):
            continue
        found.setdefault(cause.id, []).append(lines[number])
    return tuple(LogSign(name, tuple(told)) for name, told in found.items())
