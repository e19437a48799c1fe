"""Programs that crash leave no dump of their memory behind, unless somebody looks at it.

It holds keys and passwords of whoever used the program. limits.conf stops the kernel's own dumps (hard core 0),
coredump.conf what systemd keeps of them (Storage=none). Source: core(5), limits.conf(5), coredump.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import MakeDirectory, WriteFile
from imgtools.guest.logs.keepers import texts
from imgtools.guest.settings.systemd_conf import systemd_settings
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

LIMITS = ("/etc/security/limits.conf", "/etc/security/limits.d/*.conf")
HARD = re.compile(r"(?m)^[ \t]*(\*|@\S+|\S+)[ \t]+(hard|-)[ \t]+core[ \t]+(\S+)")
COREDUMP = ("/usr/lib/systemd/systemd-coredump", "/lib/systemd/systemd-coredump")
DROP_IN = "/etc/security/limits.d/99-imgtools-core.conf"
COREDUMP_IN = "/etc/systemd/coredump.conf.d/99-imgtools.conf"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield limits that let programs leave dumps, and a systemd that keeps them."""
    files = examined.files
    if any(files.is_file(path) for path in COREDUMP):
        line = systemd_settings(files, "coredump").get("Storage")
        if line is None or line.value.lower() != "none":
            text = b"[Coredump]\nStorage=none\nProcessSizeMax=0\n"
            folder = COREDUMP_IN.rpartition("/")[0]
            yield Flaw(
                "systemd keeps the memory of programs that crash",
                line.path if line else "",
                line.line if line else 0,
                subject="systemd-coredump",
                evidence=f"Storage={line.value}" if line else "Storage is not set, and external",
                fix=always(MakeDirectory(folder), WriteFile(COREDUMP_IN, text)),
            )
    said = [found for _path, text in texts(files, LIMITS) for found in HARD.findall(text) if found[0] == "*"]
    if not said or said[-1][2] != "0":
        yield Flaw(
            "programs that crash may leave their memory behind",
            subject="limits",
            evidence=f"* hard core {said[-1][2]}"[:100] if said else "no hard limit of core for all",
            fix=always(MakeDirectory("/etc/security/limits.d"), WriteFile(DROP_IN, b"* hard core 0\n")),
        )


CHECK = Check(
    title="Programs that crash leave no memory behind",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 1.5.3", "STIG RHEL-09-213095", "NIST 800-53 SC-4"),
)
