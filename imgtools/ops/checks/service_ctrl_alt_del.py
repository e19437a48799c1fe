"""Three keys at the console of a server do not restart it.

Nobody has to log in for Ctrl-Alt-Delete, and a console over the network is mistaken for that of a desktop. systemd
restarts unless ctrl-alt-del.target is masked. Source: systemd.special(7), inittab(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.find.release import read_small
from imgtools.guest.services.started import ADMIN_UNITS, Init, is_masked, unit_path
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of, masking
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

TARGET = "ctrl-alt-del.target"
PATH = f"{ADMIN_UNITS}/{TARGET}"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest that the keys restart."""
    files = examined.files
    if examined.once(init_of) is Init.SYSTEMD:
        if is_masked(files, TARGET):
            return
        if unit_path(files, TARGET):
            fix = masking(files, TARGET)
            yield Flaw("Ctrl-Alt-Delete restarts the machine", PATH, fix=fix, advice=f"mask {TARGET}")
            return
    text = read_small(files, "/etc/inittab")
    if found := re.search(r"(?m)^[^#\n]*:ctrlaltdel:.*(shutdown|reboot|init 6).*$", text):
        line = text.count("\n", 0, found.start()) + 1
        yield Flaw("Ctrl-Alt-Delete restarts the machine", "/etc/inittab", line, advice="take the line out")
    elif not text:
        yield NotThere("nothing waits for the keys")


CHECK = Check(
    title="Ctrl-Alt-Delete does not restart the machine",
    severity=Level.LOW,
    look=look,
    references=("STIG RHEL-09-211050",),
)
