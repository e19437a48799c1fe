"""Let a key log in as a user: ``USER[:KEY]``, added where sshd looks for the user's keys (``AuthorizedKeysFile``).

The key is ``file:PATH`` or ``string:KEY``. Without one it is the newest ``id_*.pub`` of the caller's own ``~/.ssh``, as
ssh-copy-id takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change, EditLines, LineEdit, MakeDirectory, WriteFile
from imgtools.disk.keys import read_secret
from imgtools.errors import HostError, OddGuest, UnsupportedGuest, UsageError
from imgtools.files.paths import parent_of
from imgtools.guest.accounts.sshd import CONFIG, key_files, sshd_setting
from imgtools.guest.accounts.users import Account, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_account, split_pair
from imgtools.ops.operation import HostSide, Operation

KEY = r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{16,}={0,2}( [^\n]*)?"


def read(text: str, host: HostSide) -> Order:
    """Return the user and the key itself.

    :raises UsageError: it is neither ``USER``, ``USER:file:PATH`` nor ``USER:string:KEY``.
    :raises HostError: there is no key to read.
    """
    user, separator, rest = text.partition(":")
    kind, _, value = rest.partition(":")
    if not separator:
        kind, value = "file", str(_own_key())
    if not user or kind not in ("file", "string") or not value:
        raise UsageError(f"not USER, USER:file:PATH or USER:string:KEY: {text!r}")
    if kind == "file":
        value = read_secret(kind, value, "", host.ask).reveal().decode("utf-8", "replace")
    return Order(f"{user}:{value}")


def _own_key() -> Path:
    """The public key that ssh-copy-id would take: the newest one."""
    keys = [path for path in (Path.home() / ".ssh").glob("id*.pub") if path.is_file()]
    if not keys:
        raise HostError(
            "there is no ~/.ssh/id_*.pub", hint="name a key: USER:file:PATH, or make one: ssh-keygen"
        )
    return max(keys, key=lambda path: path.stat().st_mtime)


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the user's authorized_keys, with the folder and owners that sshd insists on.

    :raises NotInGuest: no such user.
    :raises UsageError: the text is no public key.
    :raises OddGuest: the user has no home.
    :raises UnsupportedGuest: sshd takes no keys of the user.
    """
    name, text = split_pair(order.text, "USER:KEY")
    account = require_account(guest.files, name)
    if not account.home.startswith("/") or not guest.files.is_dir(account.home):
        raise OddGuest(f"the home of {name} is not there: {account.home!r}")
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not keys or not all(re.fullmatch(KEY, key) for key in keys):
        raise UsageError(f"not a public SSH key for {name}", hint="ssh-ed25519 AAAA... comment: a .pub file")
    path = _key_file(guest, account)
    if guest.files.is_file(path):
        yield EditLines(path, tuple(LineEdit(append=key) for key in keys))
        return
    # sshd takes a file that is the user's or root's; what is outside of the home is for root to change.
    is_own = path.startswith(f"{account.home.rstrip('/')}/")
    uid, gid = (account.uid, account.gid) if is_own else (0, 0)
    if not guest.files.is_dir(folder := parent_of(path)):
        yield MakeDirectory(folder, 0o700 if is_own else 0o755, uid, gid)
    content = "".join(f"{key}\n" for key in keys).encode()
    yield WriteFile(path, content, 0o600 if is_own else 0o644, uid, gid)


def _key_file(guest: Guest, account: Account) -> str:
    """Return the file in which sshd will find the key: the usual one if it looks there, else the first it names."""
    paths = key_files(guest.files, account, read_accounts(guest.files).groups_of(account))
    if not paths:
        raise UnsupportedGuest(
            f"the guest's sshd takes no keys of {account.name}: AuthorizedKeysFile is none",
            hint=f"see: imgtools cat IMAGE {CONFIG}",
        )
    usual = f"{account.home.rstrip('/')}/.ssh/authorized_keys"
    return usual if usual in paths else paths[0]


def objection(guest: Guest, order: Order) -> str:
    """Say why nobody can log in with the key."""
    account = require_account(guest.files, order.text.partition(":")[0])
    groups = read_accounts(guest.files).groups_of(account)

    def says_no(keyword: str) -> bool:
        return sshd_setting(guest.files, keyword, account, groups).lower() == "no"

    if says_no("PubkeyAuthentication"):
        return "the guest's sshd has PubkeyAuthentication no"
    if account.uid == 0 and says_no("PermitRootLogin"):
        return "the guest's sshd has PermitRootLogin no"
    return ""


OPERATION = Operation(
    summary="Add an SSH key to a user",
    how="USER:file:PATH, USER:string:KEY, or USER for your own key",
    plan=plan,
    params=Order,
    metavar="USER[:KEY]",
    objection=objection,
    read=read,
)
