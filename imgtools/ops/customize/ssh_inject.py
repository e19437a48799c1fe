"""Let a key log in as a user: ``USER[:KEY]``, added to the user's authorized_keys.

The key is ``file:PATH`` or ``string:KEY``. Without one it is the newest ``id_*.pub`` of the caller's own ``~/.ssh``, as
ssh-copy-id takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change, EditLines, LineEdit, MakeDirectory, WriteFile
from imgtools.disk.keys import read_secret
from imgtools.errors import HostError, OddGuest, UsageError
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

    :raises UsageError: no such user, or the text is no public key.
    :raises OddGuest: the user has no home.
    """
    name, text = split_pair(order.text, "USER:KEY")
    account = require_account(guest.files, name)
    if not account.home.startswith("/") or not guest.files.is_dir(account.home):
        raise OddGuest(f"the home of {name} is not there: {account.home!r}")
    folder = f"{account.home.rstrip('/')}/.ssh"
    path = f"{folder}/authorized_keys"
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not keys or not all(re.fullmatch(KEY, key) for key in keys):
        raise UsageError(f"not a public SSH key for {name}", hint="ssh-ed25519 AAAA... comment: a .pub file")
    if guest.files.is_file(path):
        yield EditLines(path, tuple(LineEdit(append=key) for key in keys))
        return
    yield MakeDirectory(folder, 0o700, account.uid, account.gid)
    content = "".join(f"{key}\n" for key in keys).encode()
    yield WriteFile(path, content, 0o600, account.uid, account.gid)


OPERATION = Operation(
    summary="Add an SSH key to a user",
    how="USER:file:PATH, USER:string:KEY, or USER for your own key",
    plan=plan,
    params=Order,
    metavar="USER[:KEY]",
    read=read,
)
