"""Remove the ``.ssh`` directory of every account: keys, known hosts and who may log in.

A template that has nothing but authorized keys is fit: they say who may log in to a clone, and were put there for it.
"""

from __future__ import annotations

from imgtools.change.change import Change, Remove
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removing_from_homes
from imgtools.ops.operation import UNIX, Operation
from imgtools.records.files import FileKind

AUTHORIZED = frozenset({"authorized_keys", "authorized_keys2"})


def only_authorized_keys(guest: Guest, change: Change) -> bool:
    """Whether all that a directory holds is who may log in."""
    if not isinstance(change, Remove) or not guest.files.is_dir(change.path):
        return False
    found = guest.files.list_dir(change.path)
    return all(one.name in AUTHORIZED and one.stat.kind is FileKind.FILE for one in found)


OPERATION = Operation(
    summary="Remove the .ssh directories of all accounts",
    families=UNIX,
    plan=removing_from_homes(".ssh"),
    tolerates=only_authorized_keys,
    notes="Authorized keys go too: give the clone another way in, such as --ssh-inject.",
)
