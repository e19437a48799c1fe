"""Only those who look after the logs read and write them.

A log that everybody may write to is no evidence, and may be emptied to hide a break-in; those of logins, mail and
audit hold names, addresses, and passwords that were typed in the wrong place. wtmp and lastlog are made to be read by
all. Source: syslog.conf(5), login.defs(5); Debian's group adm.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import SetMode
from imgtools.ops.check import Check, Flaw, Seen, always
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere
from imgtools.records.files import FileKind

LOGS = "/var/log"
# What tells of logins, of the kernel, of commands and of what was audited, also put aside.
PRIVATE = (
    "auth.log",
    "secure",
    "messages",
    "syslog",
    "user.log",
    "kern.log",
    "cron",
    "cron.log",
    "maillog",
    "mail.log",
    "btmp",
    "sudo.log",
    "audit.log",
    "faillog",
    "tallylog",
    "boot.log",
)
MOST = 5000


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the logs that others may write to or, where they tell something, read."""
    files = examined.files
    if not files.is_dir(LOGS):
        yield NotThere("the guest has no logs")
        return
    for number, one in enumerate(files.walk(LOGS)):
        if number >= MOST:
            yield NotKnown(f"{LOGS} has more than {MOST} files; the rest was not looked at")
            return
        name = one.path.rpartition("/")[2]
        mode = one.stat.mode
        said = f"mode {mode:04o}, owner {one.stat.uid}:{one.stat.gid}"
        is_sticky = one.stat.kind is FileKind.DIRECTORY and mode & 0o1000
        if one.stat.kind in (FileKind.FILE, FileKind.DIRECTORY) and mode & 0o002 and not is_sticky:
            fix = always(SetMode(one.path, mode & ~0o002))
            yield Flaw(
                "everybody may write to this log", one.path, evidence=said, severity=Level.HIGH, fix=fix
            )
        elif one.stat.kind is FileKind.FILE and mode & 0o004 and _is_private(name) and one.stat.size:
            fix = always(SetMode(one.path, mode & ~0o007))
            yield Flaw("everybody may read this log", one.path, evidence=said, fix=fix)


def _is_private(name: str) -> bool:
    return any(name == one or name.startswith((f"{one}.", f"{one}-")) for one in PRIVATE)


CHECK = Check(
    title="Only those who look after the logs read and write them",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 6.1.3.1", "ANSSI R50", "NIST 800-53 AU-9"),
)
