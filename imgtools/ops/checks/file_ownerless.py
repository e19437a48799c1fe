"""Every file belongs to a user and a group that the guest knows.

What is left of a removed account falls to whoever gets its number next. Not told are files of accounts that come from
a directory (sssd, LDAP, winbind), of containers' ranges in /etc/subuid and of systemd's dynamic users. Source:
useradd(8), nsswitch.conf(5), systemd's UIDS-GIDS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import GROUP, PASSWD
from imgtools.guest.find.release import read_small
from imgtools.guest.settings.trusted import group_ids, user_ids
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.ops.tree_facts import each, not_read, tree_facts
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotKnown, NotThere

DIRECTORIES = ("sss", "ldap", "winbind", "nis", "nisplus", "hesiod", "oslogin")
DYNAMIC = range(61184, 65520)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the files whose owner or group has no name."""
    files = examined.files
    users, groups = user_ids(files), group_ids(files)
    if not users or not groups:
        yield NotThere(f"the guest has no {GROUP if users else PASSWD}")
        return
    facts = examined.once(tree_facts)
    yield from not_read(facts)
    if facts.ownerless.count and (service := _directory(files)):
        yield NotKnown(f"users may come from {service}, which only the running guest can ask")
        return
    lent = [*_lent(files, "/etc/subuid"), DYNAMIC], [*_lent(files, "/etc/subgid"), DYNAMIC]
    for one in each(facts.ownerless, "files without an owner"):
        if isinstance(one, Flaw):
            yield one
            continue
        uid, gid = one.stat.uid, one.stat.gid
        no_user = uid not in users and not any(uid in numbers for numbers in lent[0])
        no_group = gid not in groups and not any(gid in numbers for numbers in lent[1])
        if no_user or no_group:
            who = f"the user {uid}" if no_user else f"the group {gid}"
            yield Flaw(
                f"the file belongs to {who}, whom nobody knows",
                one.path,
                evidence=f"owner {uid}:{gid}",
                advice="give it to somebody, or remove it",
            )


def _directory(files: GuestReader) -> str:
    """The service beside the files that knows users; "" if there is none."""
    said = re.search(r"(?m)^[ \t]*passwd\s*:(.*)$", read_small(files, "/etc/nsswitch.conf"))
    words = said[1].split() if said else []
    return next((word for word in words if word in DIRECTORIES and _is_set_up(files, word)), "")


def _is_set_up(files: GuestReader, service: str) -> bool:
    """Fedora names sss without asking whether anybody has set it up."""
    return (
        service != "sss" or files.is_file("/etc/sssd/sssd.conf") or any(files.glob("/etc/sssd/conf.d/*.conf"))
    )


def _lent(files: GuestReader, path: str) -> Iterator[range]:
    for found in re.finditer(r"(?m)^[^:\n]+:(\d{1,10}):(\d{1,10})\s*$", read_small(files, path)):
        yield range(int(found[1]), int(found[1]) + int(found[2]))


CHECK = Check(
    title="Every file belongs to somebody whom the guest knows",
    severity=Level.MEDIUM,
    look=look,
    references=("CIS Debian 12 7.1.12", "ANSSI R53"),
)
