"""A daemon of syslog that is started hears what the system reports.

rsyslog reads the journal's files (imjournal) or journald's socket (imuxsock with ForwardToSyslog). With
ForwardToSyslog=no and no imjournal it hears only the programs that call it themselves. journald forwards by default
up to systemd 255 on Debian, and its own default is no. Source: journald.conf(5), rsyslog's imjournal and imuxsock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import EditLines, LineEdit
from imgtools.guest.logs.keepers import RSYSLOG, texts
from imgtools.guest.services.started import Init
from imgtools.guest.settings.systemd_conf import is_yes
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.log_facts import journald, syslog_of
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import init_of
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the line that keeps the messages from rsyslog."""
    name = examined.once(syslog_of)
    if examined.once(init_of) is not Init.SYSTEMD or not name.startswith(("rsyslog", "syslog")):
        yield NotThere("there is no journal and a daemon of syslog beside it")
        return
    line = examined.once(journald).get("ForwardToSyslog")
    if line is None or is_yes(line.value) is not False:
        return
    said = "\n".join(text for _path, text in texts(examined.files, RSYSLOG))
    if name.startswith("syslog-ng") or re.search(r"(?m)^[^#\n]*\bimjournal\b", said):
        return
    edit = EditLines(line.path, (LineEdit(r"^\s*ForwardToSyslog\s*=.*$", "ForwardToSyslog=yes"),))
    yield Flaw(
        f"{name} does not hear what the system reports",
        line.path,
        line.line,
        evidence=f"ForwardToSyslog={line.value}, and no imjournal",
        fix=always(edit) if line.path.startswith("/etc/") else None,
    )


CHECK = Check(
    title="The daemon of syslog hears what the system reports",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 AU-12",),
)
