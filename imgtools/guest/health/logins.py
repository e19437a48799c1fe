"""Who can log in at all, and by which way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.locked import is_expired
from imgtools.guest.accounts.sshd import CONFIG, SshdLine, key_files, sshd_lines, sshd_setting
from imgtools.guest.accounts.users import (
    FILE_LIMIT,
    Account,
    Accounts,
    may_become_root,
    may_log_in,
    password_state,
    read_accounts,
    read_privileged,
)

DAY = 86400
SSHD = ("/usr/sbin/sshd", "/usr/bin/sshd", "/sbin/sshd", "/usr/sbin/dropbear")


@dataclass(frozen=True, slots=True)
class WayIn:
    """How an account can log in: ``console`` with its password, ``ssh`` with a key or a password."""

    name: str
    console: bool
    ssh: bool
    is_admin: bool


def read_known(files: GuestReader) -> Accounts | None:
    """Return the accounts; None if a line does not parse."""
    try:
        return read_accounts(files)
    except OddGuest:
        return None


def expired(accounts: Accounts, account: Account, now: float | None = None) -> str:
    """Return the day on which an account expired, in days since 1970; "" if it has not."""
    entry = accounts.entry(account.name)
    today = int((time.time() if now is None else now) // DAY)
    return entry.expires if entry is not None and is_expired(entry, today) else ""


def ways_in(files: GuestReader, accounts: Accounts) -> tuple[WayIn, ...]:
    """Return the accounts that somebody can log in with, and how."""
    rules, found = read_privileged(files), []
    serves_ssh = any(files.is_file(path) for path in SSHD)
    lines = tuple(sshd_lines(files)) if serves_ssh and files.is_file(CONFIG) else ()
    for account in accounts.passwd:
        if not may_log_in(account) or expired(accounts, account):
            continue
        password = password_state(accounts, account).state in ("set", "empty")
        ssh = serves_ssh and _by_ssh(files, account, accounts, lines, has_password=password)
        if password or ssh:
            is_admin = may_become_root(accounts, account, rules)
            found.append(WayIn(account.name, password, ssh, is_admin))
    return tuple(found)


def _by_ssh(
    files: GuestReader,
    account: Account,
    accounts: Accounts,
    lines: Sequence[SshdLine],
    *,
    has_password: bool,
) -> bool:
    groups = accounts.groups_of(account)

    def said(keyword: str) -> str:
        return sshd_setting(files, keyword, account, groups, lines).lower()

    if account.uid == 0 and said("PermitRootLogin") == "no":
        return False
    root_by_password = account.uid != 0 or said("PermitRootLogin") == "yes"
    if has_password and root_by_password and said("PasswordAuthentication") != "no":
        return True
    if said("PubkeyAuthentication") == "no":
        return False
    if not account.home.startswith("/"):
        return False
    return any(_has_keys(files, path) for path in key_files(files, account, groups, lines)) or bool(
        said("AuthorizedKeysCommand")
    )


def _has_keys(files: GuestReader, path: str) -> bool:
    if not files.is_file(path) or files.stat(path).size > FILE_LIMIT:
        return False
    lines = files.read_text(path, limit=FILE_LIMIT).splitlines()
    return any(line.strip() and not line.strip().startswith("#") for line in lines)


def loose_key_folders(files: GuestReader, accounts: Accounts) -> Iterator[tuple[str, str, int]]:
    """Yield keys that sshd does not look at (StrictModes): account, path and mode of what others may write."""
    lines = tuple(sshd_lines(files))
    for account in accounts.passwd:
        if not may_log_in(account) or not account.home.startswith("/") or account.home == "/":
            continue
        keys = f"{account.home.rstrip('/')}/.ssh/authorized_keys"
        if not files.is_file(keys):
            continue
        if sshd_setting(files, "StrictModes", account, accounts.groups_of(account), lines).lower() == "no":
            continue
        for path in (account.home, keys.rpartition("/")[0], keys):
            stat = files.stat(path)
            if stat.mode & 0o022 or stat.uid not in (0, account.uid):
                yield account.name, path, stat.mode
                break
