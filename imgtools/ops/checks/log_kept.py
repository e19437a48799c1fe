"""What the guest reports is still there after a boot.

With neither a daemon of syslog nor a journal on the disk nobody can tell what happened before. The journal is on the
disk if Storage=persistent, or /var/log/journal is there. Source: journald.conf(5) (Storage).
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
    """Yield a guest whose messages are gone after a boot."""
    init = examined.once(init_of)
    if init is Init.UNKNOWN:
        yield NotThere("the guest has no init")
    elif examined.once(syslog_of):
        return
    elif init is not Init.SYSTEMD:
        yield Flaw(
            "nothing keeps the messages of the system", "/var/log", advice="install and enable rsyslog"
        )
    elif not keeps_journal(examined):
        line = examined.once(journald).get("Storage")
        is_auto = line is None or line.value.lower() == "auto"
        yield Flaw(
            "the messages of the system are gone after a boot",
            line.path if line else FOLDER,
            line.line if line else 0,
            evidence=f"Storage={line.value}" if line else "the journal is in memory",
            fix=always(MakeDirectory(FOLDER, mode=0o2755)) if is_auto else None,
            advice="set Storage=persistent in journald.conf, or start rsyslog",
        )


CHECK = Check(
    title="Messages of the system outlive a boot",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 6.1.1.1", "ANSSI R71", "NIST 800-53 AU-4"),
)
