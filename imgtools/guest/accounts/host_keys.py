"""The host keys of a guest's SSH server: whether it has any, and which of them it takes.

Source: sshkey_perm_ok() in authfile.c of OpenSSH; Fedora's server also takes 0640 with the group ssh_keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader

KEYS = "/etc/ssh/ssh_host_*_key"
SERVER = "/usr/sbin/sshd"


class HostKey(NamedTuple):
    """One private key. ``is_open``: others may read it, and the server refuses it for that."""

    path: str
    size: int
    mode: int
    is_open: bool


def host_keys(files: GuestReader) -> Iterator[HostKey]:
    """Yield the private keys that are there."""
    for path in files.glob(KEYS):
        if files.is_file(path):
            stat = files.stat(path)
            by_group = stat.mode & 0o077 == 0o040 and stat.gid != 0
            yield HostKey(path, stat.size, stat.mode, bool(stat.mode & 0o077) and not by_group)
