"""No network card is set to take what is meant for others.

That is what a sniffer does, and it hides well as a setting for the next boot. Monitors of a network need it, and
bridges of virtual machines do it by themselves. Source: interfaces(5), systemd.network(5) (Promiscuous), ip-link(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATTERNS = (
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network/ifcfg-*",
    "/etc/systemd/network/*.network",
    "/etc/systemd/network/*.link",
    "/etc/systemd/system/*.service",
    "/etc/rc.local",
    "/etc/rc.d/rc.local",
)
SAID = re.compile(
    r"(?im)^[^#;\n]*(?:\bpromisc\s+on\b|\b(?:ifconfig|up|pre-up|post-up)\b[^\n#]*\bpromisc\b|^\s*promisc\s*=\s*[\"']?yes|^\s*promiscuous\s*=\s*(?:yes|true|1|on)\b)"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the lines that set it."""
    for path, text in texts(examined.files, PATTERNS):
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) < 500 and SAID.search(line):
                said = line.strip()[:200]
                yield Flaw(
                    "a network card is set to take what is meant for others", path, number, evidence=said
                )


CHECK = Check(
    title="No network card takes what is meant for others",
    severity=Level.MEDIUM,
    look=look,
    references=("NIST 800-53 SC-7",),
)
