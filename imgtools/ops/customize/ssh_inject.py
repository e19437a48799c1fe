"""Let a key log in as a user: ``USER:KEY``, added to the user's authorized_keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.errors import OddGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.image.change import Change, EditLines, LineEdit, MakeDirectory, WriteFile
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order, require_account, split_pair

KEY = r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{16,}={0,2}( [^\n]*)?"


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


OPERATION = Operation(summary="Add an SSH key to a user", plan=plan, params=Order)
