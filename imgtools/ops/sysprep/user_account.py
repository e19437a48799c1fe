"""Remove the accounts of people, with their homes, mail, jobs and memberships.

People are the accounts between ``UID_MIN`` and ``UID_MAX`` of ``/etc/login.defs``. ``keep`` are names that stay;
with ``remove`` only those go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.errors import NotInGuest, UnsupportedGuest
from imgtools.files.paths import normalise
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Account, Accounts, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removal, remove_matching
from imgtools.ops.operation import UNIX, Operation

ACCOUNT_FILES = ("/etc/passwd", "/etc/shadow", "/etc/subuid", "/etc/subgid")
GROUP_FILES = ("/etc/group", "/etc/gshadow")
BELONGINGS = (
    "/var/spool/mail/{name}",
    "/var/mail/{name}",
    "/var/spool/cron/{name}",
    "/var/spool/cron/crontabs/{name}",
    "/var/spool/cron/tabs/{name}",
    "/etc/sudoers.d/{name}",
    "/var/lib/AccountsService/users/{name}",
    "/var/lib/systemd/linger/{name}",
)
# What shadow-utils use where login.defs says nothing (login.defs(5)).
UID_MIN, UID_MAX = 1000, 60000
NOT_A_HOME = frozenset(
    {"/", "/root", "/home", "/nonexistent", "/dev/null", "/usr", "/var", "/etc", "/bin", "/sbin"}
)


@dataclass(frozen=True, slots=True)
class Params:
    """``keep``: accounts that stay. ``remove``: only these go."""

    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield everything that has to go so that nothing of an account is left.

    :raises OddGuest: an accounts file does not parse.
    :raises UsageError: an account to keep or to remove does not exist.
    :raises UnsupportedGuest: root is to be removed.
    """
    accounts = read_accounts(guest.files)
    people = _chosen(accounts, _people(guest.files, accounts), params)
    names = [account.name for account in people]
    if not names:
        return
    yield from _account_lines(guest.files, names)
    yield from _group_lines(guest.files, names, accounts)
    for account in people:
        yield from remove_matching(
            guest.files, *(pattern.format(name=account.name) for pattern in BELONGINGS)
        )
    left = [account for account in accounts.passwd if account.name not in names]
    for home in dict.fromkeys(normalise(account.home) for account in people if account.home):
        if guest.files.is_dir(home) and not _is_shared(home, left):
            yield removal(guest.files, guest.files.locate(home))


def _is_shared(home: str, left: Sequence[Account]) -> bool:
    """Whether a home is one of the system's folders, or holds the home of an account that stays."""
    return home in NOT_A_HOME or any(
        f"{normalise(one.home)}/".startswith(f"{home}/") for one in left if one.home
    )


def _people(files: GuestReader, accounts: Accounts) -> list[Account]:
    lowest, highest = _uid_range(files)
    return [account for account in accounts.passwd if lowest <= account.uid <= highest]


def _uid_range(files: GuestReader) -> tuple[int, int]:
    text = files.read_text("/etc/login.defs", limit=1 << 20) if files.is_file("/etc/login.defs") else ""
    found = dict(re.findall(r"^\s*(UID_MIN|UID_MAX)\s+(\d{1,10})", text, re.MULTILINE))
    return int(found.get("UID_MIN", UID_MIN)), int(found.get("UID_MAX", UID_MAX))


def _chosen(accounts: Accounts, people: list[Account], params: Params) -> list[Account]:
    for name in (*params.keep, *params.remove):
        if accounts.account(name) is None:
            raise NotInGuest(f"no such account in the guest: {name}")
    if any(account.uid == 0 and account.name in params.remove for account in accounts.passwd):
        raise UnsupportedGuest(
            "root cannot be removed", hint="lock its password instead: --root-password locked"
        )
    if params.remove:
        return [account for account in accounts.passwd if account.name in params.remove]
    return [account for account in people if account.name not in params.keep]


def _account_lines(files: GuestReader, names: Sequence[str]) -> Iterator[Change]:
    any_name = "|".join(re.escape(name) for name in names)
    for path in ACCOUNT_FILES:
        if files.is_file(path):
            yield EditLines(files.resolve(path), (LineEdit(rf"^({any_name}):"),))


def _group_lines(files: GuestReader, names: Sequence[str], accounts: Accounts) -> Iterator[Change]:
    """Drop the groups that only these accounts are in, and the accounts from all other groups."""
    left = {account.gid for account in accounts.passwd if account.name not in names}
    own = [group.name for group in accounts.groups if group.name in names and group.gid not in left]
    any_name = "|".join(re.escape(name) for name in names)
    edits = [LineEdit(rf"^({'|'.join(re.escape(name) for name in own)}):")] if own else []
    # Lists of members have at most one colon after them, in group(5) and in gshadow(5); passwords have more.
    edits.append(LineEdit(rf"(?<=[:,])(?:{any_name})(?:,|(?=:|$))(?=[^:]*(?::[^:]*)?$)", ""))
    edits.append(LineEdit(r",(?=:|$)", ""))
    for path in GROUP_FILES:
        if files.is_file(path):
            yield EditLines(files.resolve(path), tuple(edits))


OPERATION = Operation(
    summary="Remove the accounts of people", families=UNIX, plan=plan, default=False, params=Params
)
