"""Each user's own table of cron belongs to that user or to root, and nobody else writes to it.

Whoever writes to another's table runs commands as that user. Debian's belong to the user and have the mode 0600, in a
folder that only the group crontab may write to. Source: crontab(1), cron(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.guest.accounts.account_files import entries
from imgtools.guest.accounts.users import PASSWD
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.mode_checks import flaw_of
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

TABLES = "/var/spool/cron/{,crontabs/,tabs/}*"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the tables that somebody else may write to, and those of accounts that are not there."""
    files = examined.files
    uids = {line.split(":")[0]: line.split(":")[2] for line in entries(files, PASSWD)}
    there = [path for path in files.glob(TABLES) if files.is_file(path) and _is_table(path)]
    if not there:
        yield NotThere("no user has a table of cron")
    for path in there:
        name = path.rpartition("/")[2]
        uid = uids.get(name, "")
        if not uid.isdigit():
            text = f"a table of cron for {name}, who is no user"
            yield Flaw(text, path, subject=name, severity=Level.LOW, advice="remove it")
        elif (flaw := flaw_of(files, path, owners=(int(uid), 0))) is not None:
            yield flaw


def _is_table(path: str) -> bool:
    """Whether a file there is a user's: crontab(1) works in tmp files, and some distributions keep lists there."""
    name = path.rpartition("/")[2]
    return not name.startswith(("tmp.", "cron.")) and name not in ("at.allow", "at.deny", "allow", "deny")


CHECK = Check(
    title="Nobody writes to the cron table of another user",
    severity=Level.HIGH,
    look=look,
    references=("NIST 800-53 AC-6",),
)
