"""The keys that let somebody in over SSH, where the server looks for them: what the checks of accounts know of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.guest.accounts.ssh_keys import AuthorizedKey, parse_authorized_keys
from imgtools.guest.accounts.sshd import config_of, key_files, sshd_lines
from imgtools.guest.accounts.users import FILE_LIMIT, Account
from imgtools.ops.account_checks import accounts_of
from imgtools.ops.facts import asked_once
from imgtools.ops.station import Examined

MOST_ACCOUNTS = 5000  # that are looked at; a machine with more has a directory server


class HeldKey(NamedTuple):
    """A key of an account, in a file that the server reads."""

    account: Account
    path: str
    authorized: AuthorizedKey

    @property
    def words(self) -> str:
        """Type, size and comment, for people; the key itself is public, and told by its fingerprint."""
        comment = f" ({self.authorized.comment[:60]})" if self.authorized.comment else ""
        return f"{self.authorized.key.words}{comment}"


@asked_once
def keys_of(examined: Examined) -> tuple[HeldKey, ...]:
    """Return the keys of all accounts, each file once.

    :raises OddGuest: the account files or the server's configuration do not parse.
    """
    return tuple(_keys(examined))


def _keys(examined: Examined) -> Iterator[HeldKey]:
    files, accounts = examined.files, examined.once(accounts_of)
    lines = tuple(sshd_lines(files, config_of(files))) if config_of(files) else ()
    about_groups = any("group" in line.match.lower() for line in lines)
    seen: set[str] = set()
    for account in accounts.passwd[:MOST_ACCOUNTS]:
        groups = accounts.groups_of(account) if about_groups else ()
        for path in key_files(files, account, groups, lines) if account.home.startswith("/") else ():
            if not files.is_file(path) or (true_path := files.resolve(path)) in seen:
                continue
            seen.add(true_path)
            for one in parse_authorized_keys(files.read_text(path, limit=FILE_LIMIT)):
                yield HeldKey(account, true_path, one)
