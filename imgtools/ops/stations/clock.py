"""The clock: files that were changed in the future, as this host's clock tells it.

A machine whose clock is wrong has certificates that are not valid yet, and sees its own files in the future. Older
checks of ext filesystems stop the boot for a superblock of the future.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, Severity

# What a running system changes often.
CHANGED = (
    "/etc",
    "/etc/passwd",
    "/etc/mtab",
    "/var/log",
    "/var/log/wtmp",
    "/var/log/lastlog",
    "/var/log/syslog",
    "/var/log/messages",
    "/var/log/journal",
    "/var/lib/systemd/timesync/clock",
    "/var/lib/systemd/random-seed",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/root",
)
DAY, SECOND = 86400, 10**9  # seconds, nanoseconds
AHEAD = 2 * DAY  # seconds: more than any time zone that is mistaken for another


def look(examined: Examined) -> Iterator[Seen]:
    """Yield that the guest's clock was ahead."""
    now = time.time()
    stats = ((path, examined.files.lstat(path)) for path in CHANGED)
    changed = [(path, found.mtime // SECOND) for path, found in stats if found is not None]
    ahead = [(path, moment) for path, moment in changed if moment > now + AHEAD]
    if not ahead:
        return
    latest = max(moment for _path, moment in ahead)
    yield Finding(
        "clock-ahead",
        f"files were changed in the future, by {int(latest - now) // DAY} days: the guest's clock was ahead, "
        "or this host's is behind",
        severity=Severity.SUSPICIOUS,
        confidence=Confidence.LOW,
        evidence=tuple(Evidence(path, text=f"changed {_moment(moment)}") for path, moment in ahead[:5]),
        advice="set the clock of the machine, and let it be set over the network (chrony, systemd-timesyncd)",
    )


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(max(seconds, 0), 253402300799)))


STATION = Station(
    summary="Files that were changed in the future",
    place=470,
    look=look,
    families=LINUX,
    causes={
        "clock-ahead": "Files of the guest were changed in the future: its clock was wrong when it ran. Certificates "
        "fail, timers do not run, and older checks of filesystems stop the boot.",
    },
)
