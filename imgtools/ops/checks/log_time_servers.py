"""The service that keeps the clock right knows whom to ask.

chrony and ntpd ask nobody whom their configuration does not name; systemd-timesyncd has servers of its own, which a
distribution may leave out. Source: chrony.conf(5) (server, pool, peer, refclock, sourcedir), ntp.conf(5),
timesyncd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.logs.keepers import texts
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.time_facts import clock_services
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

CONFIGS = {
    "chronyd": (
        "/etc/chrony.conf",
        "/etc/chrony/chrony.conf",
        "/etc/chrony/conf.d/*.conf",
        "/etc/chrony.d/*.conf",
        "/etc/chrony/sources.d/*.sources",
    ),
    "ntpd": ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/ntpsec/ntp.d/*.conf", "/etc/ntp/ntp.conf"),
    "openntpd": ("/etc/openntpd/ntpd.conf", "/etc/ntpd.conf"),
}
SOURCE = re.compile(r"(?m)^[ \t]*(?:server|pool|peer|refclock|servers|sensor|tos\s+orphan)[ \t]+\S")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a service that asks nobody."""
    there = examined.once(clock_services)
    if not there:
        yield NotThere("nothing keeps the clock right")
    for name in there:
        if name not in CONFIGS:
            continue  # has servers of its own
        told = list(texts(examined.files, CONFIGS[name]))
        if not told:
            yield NotKnown(f"{name} has no configuration where it usually is")
        elif not any(SOURCE.search(text) for _path, text in told):
            yield Flaw(f"{name} asks nobody for the time", told[0][0], advice="name a pool or servers")


CHECK = Check(
    title="What keeps the clock right knows whom to ask",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 2.3.3.1", "NIST 800-53 AU-8"),
)
