"""Give the machine a new MachineGuid, by which programs and licences know it; key files that are named by it follow.

Clones of one template share the new one: `sysprep /generalize` in the guest makes each its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from imgtools.change.change import Change, Move, RegistrySet
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import looked_up, profiles

KEY, NAME = r"HKLM\SOFTWARE\Microsoft\Cryptography", "MachineGuid"
# Where private keys are kept, in files whose names end with the MachineGuid, so that nothing else finds them ("Key
# Storage and Retrieval", learn.microsoft.com; of CryptoAPI and of its next generation, of the machine and of users).
OF_MACHINE = "/ProgramData/Microsoft/Crypto"
OF_USER = "AppData/Roaming/Microsoft/Crypto"
KEYS = ("RSA/*/*", "DSS/*/*", "Keys/*", "SystemKeys/*")


def plan(guest: Guest, params: object) -> Iterator[Change]:
    """Yield the new value and the new names.

    :raises OddGuest: the SOFTWARE hive is damaged.
    """
    from imgtools.guest.windows.registry import open_registry  # the shelf is read for every guest

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        place, found = looked_up(registry, KEY)
        old = found.text(NAME) if found is not None else ""
    if old:
        new = str(uuid.uuid4())
        yield RegistrySet(place.path, place.key, NAME, text=new)
        yield from _renamed(guest, f"_{old}", f"_{new}")


def _renamed(guest: Guest, old: str, new: str) -> Iterator[Move]:
    folders = (OF_MACHINE, *(f"{home}/{OF_USER}" for home in profiles(guest)))
    for path in dict.fromkeys(
        path for folder in folders for below in KEYS for path in guest.files.glob(f"{folder}/{below}")
    ):
        if path.lower().endswith(old.lower()):
            yield Move(path, path[: -len(old)] + new)


OPERATION = Operation(
    summary="Give the machine a new MachineGuid",
    families=WINDOWS,
    plan=plan,
    repeats=True,
    notes="Programs that have kept the old MachineGuid for themselves take the machine for another one. No Windows was "
    "there to show that it finds its keys by their new names.",
)
