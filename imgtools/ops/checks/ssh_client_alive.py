"""Connections of clients that are gone come to an end.

Without ClientAliveInterval a session stays open for hours after its line broke, for whoever takes over its place. The
product of interval and count is how long it takes. Older servers with a count of 0 end idle sessions too. Source:
sshd_config(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.health.sshd_values import seconds
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.ssh_checks import no_server, saying, sshd_of
from imgtools.ops.ssh_plans import may_say
from imgtools.ops.station import Examined
from imgtools.records.audit import Level


@dataclass(frozen=True, slots=True)
class Params:
    """``most``: after how many seconds without an answer a connection ends."""

    most: int = 900


INTERVAL, COUNT = "ClientAliveInterval", "ClientAliveCountMax"


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield that connections do not end, or end late."""
    settings = examined.once(sshd_of)
    if settings is None:
        yield no_server(examined.files)
        return
    interval, count = settings.value(INTERVAL), settings.value(COUNT)
    if interval is None or count is None:
        return
    every, times = seconds(interval.value) or 0, seconds(count.value) or 0
    if every and every * max(times, 1) <= params.most:
        return
    text = f"it takes {every * max(times, 1)} seconds" if every else "they never end"
    better = max(params.most // max(times, 1), 1)
    yield Flaw(
        f"connections of clients that are gone: {text}",
        interval.path or settings.config,
        interval.line,
        evidence=f"{INTERVAL} {interval.value}, {COUNT} {count.value}",
        fix=saying(INTERVAL, str(better)) if may_say(examined.files, INTERVAL) else None,
    )


CHECK = Check(
    title="The SSH server ends connections of clients that are gone",
    severity=Level.LOW,
    look=look,
    params=Params,
    references=("CIS Debian 12 5.1.7", "NIST 800-53 SC-10"),
)
