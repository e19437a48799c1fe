"""Nobody has tried many passwords and got in.

btmp keeps failed logins, wtmp those that came in. Many failures from one address, and a login from there after them,
are how a guessed password looks; many failures alone are the noise of the network, and weigh little. Source: utmp(5),
lastb(1), MITRE ATT&CK T1110.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.logs.logins import read_logins
from imgtools.guest.logs.utmp import LoginKind, LoginRecord
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown
from imgtools.records.system import Warned


@dataclass(frozen=True, slots=True)
class Params:
    """``failures``: from how many failed logins of one address on it is told."""

    failures: int = 50


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield each address with many failures, heavier where it got in afterwards."""
    failed: Counter[str] = Counter()
    last: dict[str, int] = {}
    came: dict[str, LoginRecord] = {}
    for told in read_logins(examined.files, examined.system.os.arch):
        if isinstance(told, Warned):
            yield NotKnown(f"{told.path}: {told.text}")
            continue
        record = told[1]
        if record.kind is LoginKind.FAILED and record.host:
            failed[record.host] += 1
            last[record.host] = max(last.get(record.host, 0), record.time)
        elif record.kind is LoginKind.LOGIN and record.host:
            came[record.host] = max(came.get(record.host, record), record, key=lambda one: one.time)
    for host, count in sorted(failed.items()):
        if count < params.failures:
            continue
        after = came.get(host)
        got_in = after is not None and after.time >= last[host]
        said = f", then {after.user} came in from there" if got_in and after is not None else ""
        yield Flaw(
            f"{count} failed logins from {host}{said}",
            "/var/log/btmp",
            subject=host,
            severity=Level.HIGH if got_in else Level.LOW,
            advice="see imgtools timeline --kind login",
        )


CHECK = Check(
    title="Nobody has tried many passwords and got in",
    severity=Level.HIGH,
    look=look,
    families=LINUX,
    params=Params,
    references=("NIST 800-53 AC-7", "MITRE ATT&CK T1110"),
)
