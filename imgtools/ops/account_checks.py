"""What checks of accounts have in common: the accounts, those of people, and the fields of shadow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import NamedTuple

from imgtools.change.change import EditLines, LineEdit
from imgtools.guest.accounts.login_defs import read_account_rules
from imgtools.guest.accounts.users import (
    PASSWD,
    SHADOW,
    Account,
    Accounts,
    PasswordState,
    Shadow,
    judge_password,
    may_log_in,
    read_accounts,
)
from imgtools.guest.health.logins import WayIn, ways_in
from imgtools.ops.check import Fix, Flaw, Seen, always
from imgtools.ops.facts import asked_once
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown, NotThere

Look = Callable[[Examined, Params], Iterator[Seen]]
LookAtAccounts = Callable[[Examined, Accounts, Params], Iterable[Seen]]
EPOCH = date(1970, 1, 1)
MOST_ACCOUNTS = 50_000  # of which it is looked up who can log in
# shadow(5): which field of a line, from 0 on.
LAST_CHANGE, MINIMUM, MAXIMUM, WARNING, INACTIVE = 2, 3, 4, 5, 6


@asked_once
def accounts_of(examined: Examined) -> Accounts:
    """Return the guest's accounts.

    :raises OddGuest: a line of the files does not parse.
    """
    return read_accounts(examined.files)


def of_accounts(look: LookAtAccounts) -> Look:
    """Return a look at the accounts, which is about nothing where there are none."""

    def looked(examined: Examined, params: Params) -> Iterator[Seen]:
        accounts = examined.once(accounts_of)
        if not accounts.passwd:
            yield NotThere("no accounts")
        else:
            yield from look(examined, accounts, params)

    return looked


def of_shadow(look: LookAtAccounts) -> Look:
    """Return a look at what shadow says of passwords, which is about nothing where there is none."""

    def looked(examined: Examined, accounts: Accounts, params: Params) -> Iterator[Seen]:
        if not accounts.shadow:
            yield NotThere("no shadow file")
        else:
            yield from look(examined, accounts, params)

    return of_accounts(looked)


def people(examined: Examined, accounts: Accounts) -> tuple[Account, ...]:
    """Return root and the accounts of people that may log in, by the guest's UID_MIN and UID_MAX."""
    rules = read_account_rules(examined.files)
    return tuple(
        one
        for one in accounts.passwd
        if may_log_in(one) and (one.uid == 0 or rules.uid_min <= one.uid <= rules.uid_max)
    )


def homes_of_people(examined: Examined, accounts: Accounts) -> Iterator[tuple[Account, str]]:
    """Yield the accounts of people with their homes, those that are there; a home of several with the first."""
    seen: set[str] = set()
    for account in people(examined, accounts):
        if account.home.startswith("/") and account.home.rstrip("/") and examined.files.is_dir(account.home):
            home = examined.files.resolve(account.home)
            if home not in seen:
                seen.add(home)
                yield account, home


def is_hidden(examined: Examined, path: str) -> bool:
    """Whether a path is on a volume that could not be mounted."""
    return any(path == one or path.startswith(f"{one.rstrip('/')}/") for one in examined.system.unmounted)


def hidden_homes(examined: Examined, accounts: Accounts) -> Iterator[NotKnown]:
    """Say which homes nobody can look into."""
    for account in people(examined, accounts):
        if is_hidden(examined, account.home):
            yield NotKnown(f"the home of {account.name} is on a volume that could not be mounted")


def others_get_in(examined: Examined, name: str) -> bool:
    """Whether an administrator other than this one can log in; of very many accounts nobody knows."""
    return any(one.is_admin and one.name != name for one in examined.once(ways_of))


def ways_of(examined: Examined) -> tuple[WayIn, ...]:
    """Return who can log in, and how; nobody, where there are very many accounts."""
    accounts = examined.once(accounts_of)
    return ways_in(examined.files, accounts) if len(accounts.passwd) <= MOST_ACCOUNTS else ()


class Held(NamedTuple):
    """An account, whether it has a password, and where that is kept. ``entry`` is None where that is passwd."""

    account: Account
    entry: Shadow | None
    password: PasswordState
    path: str
    line: int


def passwords(accounts: Accounts) -> Iterator[Held]:
    """Yield each account with the state of its password, as :func:`password_state` tells it."""
    lines: dict[str, Shadow] = {}
    for entry in accounts.shadow:
        lines.setdefault(entry.name, entry)
    for account in accounts.passwd:
        stored, found = account.password.reveal().decode("utf-8", "replace"), lines.get(account.name)
        if found is not None and stored:
            stored = found.password.reveal().decode("utf-8", "replace")
            yield Held(account, found, judge_password(stored), SHADOW, found.line)
        else:
            stored = "*" if stored == "x" else stored
            yield Held(account, None, judge_password(stored), PASSWD, account.line)


def with_password(accounts: Accounts) -> Iterator[tuple[Account, Shadow]]:
    """Yield the accounts that one can log in to with a password, with their lines of shadow."""
    for one in passwords(accounts):
        if one.entry is not None and one.password.state == "set":
            yield one.account, one.entry


def days(text: str) -> int | None:
    """Return a number of days; None if none is set, or the number means none."""
    return int(text) if re.fullmatch(r"\d{1,9}", text) and int(text) < 99999 else None


def today_of(examined: Examined) -> int:
    """Return today as shadow counts: in days since 1970."""
    return (examined.today - EPOCH).days


def setting_field(name: str, field: int, value: int, what: str) -> Fix:
    """Return the fix that gives a field of an account's line in shadow another value."""
    pattern = rf"^({re.escape(name)}(?::[^:]*){{{field - 1}}}):[^:]*"
    return always(EditLines(SHADOW, (LineEdit(pattern, rf"\g<1>:{value}"),), f"{what} of {name}: {value}"))


def locking(path: str, name: str) -> Fix:
    """Return the fix that locks a password, as ``passwd -l`` does: the hash stays behind a mark."""
    return always(
        EditLines(path, (LineEdit(rf"^({re.escape(name)}):(?!!)", r"\1:!"),), f"lock the password of {name}")
    )


def shared(path: str, kind: str, found: Iterable[tuple[object, str, int]]) -> Iterator[Flaw]:
    """Yield the lines that have the same as another before them: (what they have, their name, their line)."""
    first: dict[object, str] = {}
    for key, name, line in found:
        if key in first:
            text = (
                f"{name} has the same {kind} as {first[key]}: {key}"
                if name != key
                else f"{name} is there twice"
            )
            yield Flaw(
                text, path, line, name, advice="who has it has the rights and files of both: give one another"
            )
        else:
            first[key] = name
