"""The journal is packed, so that it reaches further back in the room that it has.

journald packs large entries unless Compress=no. Source: journald.conf(5) (Compress, SystemMaxUse).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import EditLines, LineEdit
from imgtools.guest.services.started import Init
from imgtools.guest.settings.systemd_conf import is_yes
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.log_facts import journald
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the line that says otherwise."""
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no journal")
        return
    line = examined.once(journald).get("Compress")
    if line is None or is_yes(line.value) is not False:
        return
    edit = EditLines(line.path, (LineEdit(r"^\s*Compress\s*=.*$", "Compress=yes"),))
    yield Flaw(
        "the journal is not packed",
        line.path,
        line.line,
        evidence=f"Compress={line.value}",
        fix=always(edit) if line.path.startswith("/etc/") else None,
    )


CHECK = Check(
    title="The journal is packed",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.1.1.6",),
)
