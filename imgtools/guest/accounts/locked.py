"""What keeps an account from logging in: a locked password, a day that has passed, a shell that lets nobody in.

Source: shadow(5), passwd(5), pam_unix(8) (account), faillock(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import Account, Accounts, Shadow, judge_password, may_log_in

FAILLOCK = ("/var/lib/faillock", "/var/log/faillock", "/var/run/faillock")


class LockKind(StrEnum):
    """Why nobody gets in."""

    PASSWORD = "password-locked"
    NO_PASSWORD = "no-password"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    SHELL = "shell"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class AccountLock:
    """One reason; ``path`` is the file that says so."""

    kind: LockKind
    text: str
    path: str


def account_locks(
    files: GuestReader, accounts: Accounts, account: Account, today: int
) -> Iterator[AccountLock]:
    """Yield what keeps an account out. ``today`` is a day since 1970, in which shadow counts."""
    entry = accounts.entry(account.name)
    stored = (entry or account).password.reveal().decode("utf-8", "replace")
    path = "/etc/shadow" if entry else "/etc/passwd"
    state = judge_password(stored)
    if state.state == "locked":
        kind = LockKind.PASSWORD if stored.startswith("!") and state.method else LockKind.NO_PASSWORD
        said = "is locked" if kind is LockKind.PASSWORD else "lets nobody in"
        yield AccountLock(kind, f"the password of {account.name} {said}", path)
    if entry is not None and is_expired(entry, today):
        yield AccountLock(LockKind.EXPIRED, f"the account {account.name} has expired", path)
    if entry is not None and is_inactive(entry, today):
        text = f"the password of {account.name} was not changed in time, and the account is disabled"
        yield AccountLock(LockKind.INACTIVE, text, path)
    if not may_log_in(account):
        yield AccountLock(LockKind.SHELL, f"the shell of {account.name} is {account.shell}", "/etc/passwd")
    for folder in FAILLOCK:
        tally = f"{folder}/{account.name}"
        if files.is_file(tally) and files.stat(tally).size:
            yield AccountLock(LockKind.FAILURES, f"failed logins of {account.name} are counted", tally)


def is_expired(entry: Shadow, today: int) -> bool:
    """Whether the day has passed from which on nobody logs in (field 8)."""
    return _is_day(entry.expires) and int(entry.expires) <= today


def is_inactive(entry: Shadow, today: int) -> bool:
    """Whether the password is too old, and the days of grace after that are over (fields 3, 5 and 7)."""
    fields = (entry.last_change, entry.maximum, entry.inactive)
    return all(_is_day(one) for one in fields) and today > sum(int(one) for one in fields)


def _is_day(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None
