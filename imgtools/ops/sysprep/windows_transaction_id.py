r"""Give the transaction coordinator (MSDTC) new identities: two machines with the same one have no transactions.

They are keys of `HKLM\SOFTWARE\Classes\CID`, which get new names.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryMakeKey, RegistryRemoveKey, RegistrySet
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import in_registry, looked_up

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import HiveKey, HivePlace, Registry

# "Instructions to reinstall the Microsoft Distributed Transaction Coordinator (MSDTC) service" (its team's blog) has
# both keys; "Detect Duplicate MSDTC CID" (scripting.tech) how an identity is recognised.
PLACES = (r"HKLM\SOFTWARE\Classes\CID", r"HKLM\SOFTWARE\Classes\CID.Local")
WHOSE = "MSDTC"  # how the descriptions of its own identities begin: MSDTC, MSDTCUIS, MSDTCTIPGW


def _new(registry: Registry) -> Iterator[Change]:
    for name in PLACES:
        place, found = looked_up(registry, name)
        for identity in found.subkeys() if found is not None else ():
            description = identity.key("Description")
            if description is not None and description.text("").upper().startswith(WHOSE):
                new = str(uuid.uuid4())
                new = f"{{{new}}}" if identity.name.startswith("{") else new
                yield from _renamed(place, identity, f"{place.key}\\{new}")


def _renamed(place: HivePlace, old: HiveKey, new: str) -> Iterator[Change]:
    """Yield a copy of a key and everything below it, and its removal."""
    from imgtools.guest.windows.registry_merge import type_word  # the shelf is read for every guest

    for key in old.walk():
        here = new + key.path[len(old.path) :]
        yield RegistryMakeKey(place.path, here)
        for value in key.values():
            yield RegistrySet(place.path, here, value.name, type_word(value.type), data=value.data)
    yield RegistryRemoveKey(place.path, old.path)


OPERATION = Operation(
    summary="Give the transaction coordinator new identities",
    families=WINDOWS,
    plan=in_registry(_new),
    repeats=True,
    notes="Clones of one template share the new ones, unless each is generalised by itself.",
)
