"""Let a user log in again whose account is locked, has expired, or failed to log in too often.

``!`` in front of the password's hash goes, and so do the day on which the account expires, the days of grace of an old
password and the counted failures of pam_faillock. With ``shell=yes`` a shell that lets nobody in becomes the guest's
own. An account without any password is let in by `password`.

Source: shadow(5), faillock(8).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit, Remove
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.locked import AccountLock, LockKind, account_locks
from imgtools.guest.accounts.users import PASSWD, SHADOW, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import require_account
from imgtools.ops.linux_repairs import require_said
from imgtools.ops.operation import LINUX, Operation
from imgtools.ops.passwords import DAY
from imgtools.records.system import Warned

SHELLS = ("/bin/bash", "/usr/bin/bash", "/bin/ash", "/bin/sh")


@dataclass(frozen=True, slots=True)
class Params:
    """``user`` has to be there; ``shell``: yes gives it a shell that lets it in."""

    user: str = ""
    shell: bool = False

    def __post_init__(self) -> None:
        require_said(self.user, "user")


def _locks(guest: Guest, params: Params) -> tuple[AccountLock, ...]:
    account = require_account(guest.files, params.user)
    accounts = read_accounts(guest.files)
    return tuple(account_locks(guest.files, accounts, account, int(time.time()) // DAY))


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the edits of the user's lines, and the removal of what was counted.

    :raises NotInGuest: there is no such user.
    :raises OddGuest: the account files do not parse.
    """
    locks = _locks(guest, params)
    kinds = {one.kind for one in locks}
    name = re.escape(params.user)
    edits = {
        LockKind.PASSWORD: (SHADOW, rf"^{name}:!+", f"{params.user}:"),
        LockKind.INACTIVE: (SHADOW, rf"^({name}:(?:[^:]*:){{5}})[^:]*:", r"\1:"),
        LockKind.EXPIRED: (SHADOW, rf"^({name}:(?:[^:]*:){{6}})[^:]*:", r"\1:"),
    }
    for kind, (_path, pattern, replacement) in edits.items():
        for lock in locks:
            if lock.kind is kind:
                yield EditLines(lock.path, (LineEdit(pattern, replacement),), f"unlock {params.user}")
    if LockKind.SHELL in kinds and params.shell:
        shell = _shell(guest.files)
        edit = LineEdit(rf"^({name}:.*:)[^:]*$", rf"\1{shell}")
        yield EditLines(PASSWD, (edit,), f"the shell of {params.user} is {shell}")
    yield from (Remove(one.path) for one in locks if one.kind is LockKind.FAILURES)


def _shell(files: GuestReader) -> str:
    return next((path for path in SHELLS if files.is_file(path)), "/bin/sh")


def remarks(guest: Guest, params: Params) -> Iterator[Warned]:
    """Say what is left as it is: no password, and a shell that lets nobody in."""
    for lock in _locks(guest, params):
        if lock.kind is LockKind.NO_PASSWORD:
            yield Warned(f"{lock.text}: --only password sets one", lock.path)
        elif lock.kind is LockKind.SHELL and not params.shell:
            yield Warned(f"{lock.text}: account-unlock.shell=yes gives another", lock.path)


OPERATION = Operation(
    summary="Unlock a user's account",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    remarks=remarks,
)
