"""Keys that others can write are not taken.

With StrictModes no, whoever may write to the home or the keys of a user logs in as that user. The fix is offered only
where no key would be refused by it. Source: sshd_config(5), StrictModes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from imgtools.guest.health.logins import read_known
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.ssh_checks import always_better, one_of, setting
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

_look = setting(
    "StrictModes", one_of(("no",), "the SSH server takes keys that others can write"), always_better("yes")
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield that modes are not looked at; without a fix where somebody's keys would be refused."""
    for one in _look(examined, params):
        if isinstance(one, Flaw) and (name := _refused(examined)):
            yield replace(one, fix=None, advice=f"the keys of {name} would be refused: first chmod go-w")
        else:
            yield one


def _refused(examined: Examined) -> str:
    accounts = read_known(examined.files)
    for account in accounts.passwd if accounts is not None else ():
        home = account.home.rstrip("/")
        for path in (home, f"{home}/.ssh", f"{home}/.ssh/authorized_keys"):
            if home and examined.files.is_file(f"{home}/.ssh/authorized_keys"):
                stat = examined.files.stat(path)
                if stat.mode & 0o022 or stat.uid not in (0, account.uid):
                    return account.name
    return ""


CHECK = Check(
    title="The SSH server refuses keys that others can write",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-6",),
)
