"""Empty the logs of the system and of every service, and remove old ones and what the installer left.

Every regular file below `/var/log` is a log, whoever writes it. The one that is being written is emptied, so that
owner, mode and SELinux label stay: many a service may write its log, and not make a file in that folder. What was
rotated away (a number, a date, `.old`, packed) goes, and so do logs that are named after this machine, links to what
goes, journals, records of sysstat, the logs of containers and those of the installer. Folders stay.

`README` files and the settings that svlogd keeps among its logs are no logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, Remove, Truncate
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.logs.rotated import is_rotated
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import LINUX, NoParams, Operation
from imgtools.records.files import FileKind

TOP = "/var/log"
# Of no use when they are empty: databases, and folders that are named after a machine or a container.
WHOLE = (
    "/var/log/journal/*",
    "/var/log/sa/*",
    "/var/log/sysstat/*",
    "/var/log/containers/*",
    "/var/log/pods/*",
    "/var/log/anaconda.syslog",
    "/var/log/anaconda/*",
    "/var/log/installer/*",
)
ELSEWHERE = (
    "/var/lib/wtmpdb/wtmp.db",
    "/var/lib/lastlog/lastlog2.db",
    "/var/named/data/named.run",
    "/var/lib/logrotate.status",
    "/var/lib/logrotate/{logrotate.status,status}",
    "/etc/Pegasus/*.{cnf,crt,csr,pem,srl}",
)
INSTALLERS = (
    "/root/install.log",
    "/root/install.log.syslog",
    "/root/anaconda-ks.cfg",
    "/root/anaconda-post.log",
    "/root/initial-setup-ks.cfg",
    "/root/original-ks.cfg",
)
CACHES = (
    "/var/cache/gdm/*",
    # The peer's list has the first, which is a slip of the pen for the second.
    "/var/lib/AccountService/users/*",
    "/var/lib/AccountsService/users/*",
    "/var/lib/fprint/*",
    "/var/cache/fontconfig/*",
    "/var/cache/man/*",
)
NO_LOG = re.compile(r"^README|^\.(keep|git\w*|placeholder)|^config$")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield what has to go whole, then what happens to each file below /var/log."""
    gone = set()
    for change in remove_matching(guest.files, *WHOLE, *ELSEWHERE, *INSTALLERS, *CACHES):
        gone.add(change.path)
        yield change
    if guest.files.is_dir(TOP):
        yield from _clear(guest.files, guest.os.hostname, frozenset(gone))


def _clear(files: GuestReader, hostname: str, gone: frozenset[str]) -> Iterator[Change]:
    """Yield the emptying or removal of every log, and the removal of links to what goes.

    :param hostname: logs that are named after it go, because a clone has another; "" if there is none.
    :param gone: paths that are removed already, with all below them.
    """
    own = re.compile(rf"(?<![^\W_]){re.escape(hostname.partition('.')[0])}(?![^\W_])") if hostname else None
    removed, links = set(gone), []
    for found in files.walk(TOP):
        if any(found.path == path or found.path.startswith(f"{path}/") for path in gone):
            continue
        name = found.path.rpartition("/")[2]
        if found.stat.kind is FileKind.LINK:
            links.append(found.path)
        if found.stat.kind is not FileKind.FILE or NO_LOG.search(name):
            continue
        if is_rotated(name) or (own is not None and own.search(name)):
            removed.add(found.path)
            yield Remove(found.path, size=found.stat.size)
        elif found.stat.size:
            yield Truncate(found.path, size_before=found.stat.size)
    for path in links:
        if files.exists(path) and files.resolve(path) in removed:
            yield Remove(path, size=len(files.read_link(path)))


OPERATION = Operation(
    summary="Empty the log files, and remove old ones",
    families=LINUX,
    plan=plan,
    notes="Logs of applications elsewhere (`/srv`, `/opt`, `/var/www`): `application-logs`, when it is asked for.",
)
