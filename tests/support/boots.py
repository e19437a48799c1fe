"""Boots of guests without KVM, for tests and for `make boots`: how a boot ends, and how a guest is prepared for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.command import imgtools

# A boot takes some 45 s of processor time without KVM; on a machine that does much else it may take ten times as long.
LIMIT = 1500  # seconds


@dataclass(frozen=True, slots=True)
class Boot:
    """How a boot ended: the exit code of `imgtools boot`, and the data of its document."""

    code: int
    data: Any  # Any: JSON

    @property
    def verdict(self) -> str:
        """What it ended with."""
        return str(self.data["verdict"])

    @property
    def causes(self) -> list[str]:
        """The ids of what may be to blame, each once."""
        return list(dict.fromkeys(one["id"] for one in self.data["causes"]))

    @property
    def shown(self) -> str:
        """The lines that it ended with."""
        return "\n".join(self.data["last_lines"])

    def row(self, name: str) -> str:
        """A line of a table of boots: what was booted, the verdict, the causes, how long it took."""
        causes = ", ".join(self.causes) or "-"
        return f"| {name} | {self.verdict} | {causes} | {self.data['seconds']:.0f} s |"


def booted(image: Path, *words: str | Path, limit: int = LIMIT) -> Boot:
    """Boot an image with ``imgtools boot``, given enough time for this machine, and say how that ended."""
    ran = imgtools("boot", image, "--timeout", str(limit), "--json", *words, code=None)
    assert ran.code in (0, 1, 33), ran.err
    return Boot(ran.code, ran.json["data"])


def without_serial_console(image: Path) -> None:
    """Have a real guest's kernel and GRUB say nothing on the serial port: what it says is on its screen only."""
    edits = ("-e", r"s/console=ttyS0,115200//", "-e", r"s/^(terminal_\w+put) .*$/\1 console/")
    imgtools("edit", image, "/boot/grub/grub.cfg", *edits, "--write")
