"""The rescue and emergency modes ask for root's password.

A shell without one makes everybody root who can switch the machine off and on. Where root has no password, sulogin
lets nobody in, and somebody may have forced it open for that reason. Source: sulogin(8), systemd's ENVIRONMENT.md
(SYSTEMD_SULOGIN_FORCE), inittab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.find.release import read_small
from imgtools.guest.health.units import UnitLine, service_lines
from imgtools.guest.services.started import unit_path
from imgtools.guest.tokens import without_secrets
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

UNITS = ("rescue.service", "emergency.service", "console-getty.service")
FORCED = re.compile(r"SYSTEMD_SULOGIN_FORCE=[\"']?(1|y|t|on)", re.IGNORECASE)
SHELL = re.compile(r"(?:^|[\s'\"@:+!-])(?:/usr)?/s?bin/(?:sh|bash|dash|ash|zsh|sushell)\b")
ADVICE = "take it out, and give root a password, so that sulogin lets in who knows it"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the lines that start a shell in place of asking for the password."""
    files = examined.files
    units = [unit for unit in UNITS if unit_path(files, unit)]
    if not units and not files.is_file("/etc/inittab"):
        yield NotThere("the guest has no rescue mode")
    for unit in units:
        for line in service_lines(files, unit):
            if _opens(line):
                yield Flaw(
                    f"{unit} gives a shell of root without a password",
                    line.path,
                    line.line,
                    subject=unit,
                    evidence=without_secrets(f"{line.key}={line.value}"),
                    advice=ADVICE,
                )
    yield from _inittab(files)


def _opens(line: UnitLine) -> bool:
    if line.key == "Environment":
        return FORCED.search(line.value) is not None
    if line.key != "ExecStart" or line.section != "Service":
        return False
    if "sulogin" in line.value:
        return re.search(r"sulogin[^;&|]*\s(--force|-e)\b", line.value) is not None
    return SHELL.search(line.value) is not None


def _inittab(files: GuestReader) -> Iterator[Flaw]:
    for number, line in enumerate(read_small(files, "/etc/inittab").split("\n"), 1):
        fields = line.strip().split(":", 3)
        is_single = len(fields) == 4 and not line.startswith("#") and fields[1] in ("S", "s", "1")
        if is_single and SHELL.search(f" {fields[3]}") and "sulogin" not in fields[3]:
            yield Flaw(
                "single-user mode gives a shell of root without a password",
                "/etc/inittab",
                number,
                evidence=without_secrets(line.strip()),
                advice=ADVICE,
            )
    if re.search(r"(?m)^SINGLE=.*sushell", read_small(files, "/etc/sysconfig/init")):
        text = "single-user mode gives a shell of root without a password"
        yield Flaw(text, "/etc/sysconfig/init", evidence="SINGLE=/sbin/sushell", advice=ADVICE)


CHECK = Check(
    title="The rescue modes ask for root's password",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 AC-3", "NIST 800-53 IA-2"),
)
