"""rsyslog makes its files so that not everybody reads them.

Its own default is 0644. What is made later has the mode that stood last. Source: rsyslog.conf(5), $FileCreateMode and
omfile's FileCreateMode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import RSYSLOG, texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.log_facts import syslog_of
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

MODE = re.compile(r"""(?im)^[^#\n]*(?:\$FileCreateMode\s+|FileCreateMode\s*=\s*["']?)([0-7]{3,4})\b""")
UMASK = re.compile(r"(?im)^[ \t]*\$umask\s+([0-7]{3,4})\b")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the modes that let everybody read or write new logs."""
    if not examined.once(syslog_of).startswith("rsyslog"):
        yield NotThere("rsyslog is not started")
        return
    told = list(texts(examined.files, RSYSLOG))
    masks = [int(found, 8) for _path, text in told for found in UMASK.findall(text)]
    mask = masks[-1] if masks else 0
    modes = [(path, text, found) for path, text in told for found in MODE.finditer(text)]
    for path, text, found in modes:
        if int(found[1], 8) & ~mask & 0o007:
            line = text.count("\n", 0, found.start(1)) + 1
            yield Flaw("rsyslog makes logs that everybody may read", path, line, evidence=f"mode {found[1]}")
    if not modes and 0o644 & ~mask & 0o007 and told:
        said = "$FileCreateMode is not set, and is 0644"
        # The Red Hat family starts it with a umask of 0066.
        if not examined.system.os.is_family("rhel", "fedora"):
            yield Flaw("rsyslog makes logs that everybody may read", told[0][0], evidence=said)


CHECK = Check(
    title="New logs of rsyslog are not readable by everybody",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.2.4", "NIST 800-53 AU-9"),
)
