"""Remove the keys of WireGuard, and the tunnels that are made with them.

A tunnel without its private key does not come up, and two peers with one key take each other's packets. So the
files of ``wg-quick`` go as a whole; from netdev files of systemd-networkd the key is taken out.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import LINUX, NoParams, Operation

NETDEVS = "/etc/systemd/network/*.netdev"
KEY = LineEdit(r"^\s*(PrivateKey|PresharedKey)\s*=")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals, and the edits of the netdev files that hold a key."""
    yield from remove_matching(guest.files, "/etc/wireguard/*")
    for path in guest.files.glob(NETDEVS):
        if guest.files.is_file(path):
            yield EditLines(guest.files.resolve(path), (KEY,))


OPERATION = Operation(summary="Remove the keys of WireGuard", families=LINUX, plan=plan)
