"""Where securetty says from where root may log in, it says no terminal of the network.

pam_securetty refuses root on all but the terminals that are listed. A line for pts lets him in over telnet and the
like, and makes the list pointless. Most distributions no longer have it. Source: securetty(5), pam_securetty(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import EditLines, LineEdit
from imgtools.guest.health.pam import service_rules
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

SECURETTY = "/etc/securetty"
LIMIT = 1 << 20  # bytes


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each line of a terminal that is none of the machine."""
    used = any(one.name == "pam_securetty" for one in service_rules(examined.files, "login", "auth"))
    if not used or not examined.files.is_file(SECURETTY):
        yield NotThere("nothing uses securetty")
        return
    for number, line in enumerate(examined.files.read_text(SECURETTY, limit=LIMIT).split("\n"), 1):
        if re.match(r"\s*(/dev/)?(pts/|ttyp|pty)", line):
            fix = always(EditLines(SECURETTY, (LineEdit(rf"^{re.escape(line)}$"),)))
            yield Flaw(
                "root may log in on a terminal of the network", SECURETTY, number, line.strip()[:40], fix=fix
            )


CHECK = Check(
    title="The terminals of root are those of the machine",
    severity=Level.MEDIUM,
    look=look,
)
