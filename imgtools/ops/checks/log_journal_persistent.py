"""The journal of a server is on its disk, also beside a daemon of syslog.

It has what syslog's text files leave out: the unit, the user and the command of each message. Source:
journald.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import MakeDirectory
from imgtools.guest.services.started import Init
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.log_facts import journald, keeps_journal, syslog_of
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

FOLDER = "/var/log/journal"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a journal that is in memory only, where something else keeps the messages."""
    if examined.once(init_of) is not Init.SYSTEMD:
        yield NotThere("the guest has no journal")
    elif not examined.once(syslog_of):
        yield NotThere("nothing but the journal keeps messages: log-kept looks at it")
    elif not keeps_journal(examined):
        line = examined.once(journald).get("Storage")
        is_auto = line is None or line.value.lower() == "auto"
        yield Flaw(
            "the journal is gone after a boot",
            line.path if line else FOLDER,
            line.line if line else 0,
            evidence=f"Storage={line.value}" if line else "",
            fix=always(MakeDirectory(FOLDER, mode=0o2755)) if is_auto else None,
            advice="set Storage=persistent in journald.conf",
        )


CHECK = Check(
    title="The journal is on the disk",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.1.1.4", "NIST 800-53 AU-4"),
)
