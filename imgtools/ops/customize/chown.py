"""Set the owner of a file: ``USER:PATH``, ``USER.GROUP:PATH`` or ``USER:GROUP:PATH``.

Names are the guest's own, or numbers; a link itself is changed, not what it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, SetOwner
from imgtools.errors import NotInGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, require_account, require_there, split_pair
from imgtools.ops.operation import Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the owner.

    :raises NotInGuest: the guest has no such user or group.
    """
    owner, path = split_pair(order.text, "USER[:GROUP]:PATH")
    user, _, group = owner.partition(".")
    if not path.startswith("/") and ":" in path:
        user = owner
        group, _, path = path.partition(":")
    place = require_there(guest.files, path)
    uid = int(user) if user.isascii() and user.isdigit() else require_account(guest.files, user).uid
    yield SetOwner(place, uid, _gid(guest.files, group) if group else None)


def _gid(files: GuestReader, name: str) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    for group in read_accounts(files).groups:
        if group.name == name:
            return group.gid
    raise NotInGuest(f"the guest has no group {name!r}")


OPERATION = Operation(summary="Set the owner of a file", plan=plan, params=Order, metavar="USER[:GROUP]:PATH")
