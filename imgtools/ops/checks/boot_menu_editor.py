"""systemd-boot does not let anybody at the console change the kernel's arguments.

It has no password; its editor is on unless loader.conf says ``editor no``, and with it init=/bin/sh makes everybody
at the console root. Source: loader.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import read_config
from imgtools.guest.settings.systemd_conf import is_yes
from imgtools.ops.boot_start import boot_start
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

EDITOR = r"(?m)^[ \t]*editor[ \t]+(\S+)[ \t]*$"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a systemd-boot whose editor is on."""
    start = examined.once(boot_start)
    if start.loader != "systemd-boot" or not start.config:
        yield NotThere("the guest has no systemd-boot")
        return
    said = re.findall(EDITOR, start.text)
    if not said or is_yes(said[-1]) is not False:
        yield Flaw(
            "anybody at the console may change the kernel's arguments",
            start.config,
            evidence=f"editor {said[-1][:20]}" if said else "editor is not set, and on",
            fix=turning_off(start.config),
        )


def turning_off(path: str) -> Fix:
    """Return the fix that turns the editor off."""

    def fix(files: GuestReader) -> Iterator[Change]:
        text = re.sub(EDITOR + r"\n?", "", read_config(files, path))
        end = "" if not text or text.endswith("\n") else "\n"
        yield WriteFile(path, f"{text}{end}editor no\n".encode("utf-8", "surrogateescape"))

    return fix


CHECK = Check(
    title="systemd-boot lets nobody change the kernel's arguments",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R5",),
)
