r"""Cancel updates that wait for a boot, or stop it half way: "Getting Windows ready" that never ends.

Goes: the program that installs them at boot (poqexec in ``SetupExecute``), their list (``WinSxS\pending.xml``, which is
kept as pending.xml.cancelled), the marks of the component store and of servicing, the transactions of the registry
that belong to them. What such updates had changed already stays; afterwards let Windows mend its component store with
``DISM /Online /Cleanup-Image /RestoreHealth``, and install the updates again.

Source: "Stop error ... Windows stuck after updates" and "Azure VM is stuck at Windows Update" (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, Move, RegistryRemoveKey, RegistryRemoveValue, RegistrySet
from imgtools.files.paths import join
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import WINDOWS, NoParams, Operation

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

SERVICING = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"
# SessionsPending stays: it has a record of each session, also of those that are long done.
MARKS = ("PackagesPending", "RebootPending", "RebootInProgress")
STORE = r"HKLM\COMPONENTS"
OF_STORE = frozenset(
    {
        "pendingxmlidentifier",
        "nextqueueentryindex",
        "nextqueueentryindexbcdb",
        "advancedinstallersneedresolving",
    }
    | {"executionstate"}
)
MANAGER = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
AT_BOOT = ("SetupExecute", "SetupExecuteNoPnpSync")
INSTALLER = "poqexec"
TRANSACTIONS = (
    "System32/config/TxR/*.{blf,regtrans-ms}",
    "System32/SMI/Store/Machine/*.{blf,regtrans-ms}",
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield what cancels updates, if any wait."""
    from imgtools.guest.windows.registry import open_registry

    root = guest.os.windows_systemroot
    with open_registry(guest.files, root) as registry:
        changes = [*_list_kept(guest), *_at_boot(registry), *_marks(registry)]
    if changes:
        yield from changes
        yield from remove_matching(guest.files, *(join(root, one) for one in TRANSACTIONS))


def _list_kept(guest: Guest) -> Iterator[Change]:
    path = join(guest.os.windows_systemroot, "WinSxS/pending.xml")
    if guest.files.is_file(path):
        path = guest.files.resolve(path)
        kept = f"{path}.cancelled"
        number = 1
        while guest.files.exists(kept):
            number += 1
            kept = f"{path}.cancelled{number}"
        yield Move(path, kept)


def _at_boot(registry: Registry) -> Iterator[Change]:
    manager = registry.find(MANAGER)
    for name in AT_BOOT if manager is not None else ():
        value = manager.value(name) if manager is not None else None
        texts = value.texts or () if value is not None else ()
        kept = tuple(one for one in texts if one and INSTALLER not in one.casefold())
        if any(INSTALLER in one.casefold() for one in texts):
            place = registry.place(MANAGER)
            yield RegistrySet(place.path, place.key, name, "REG_MULTI_SZ", texts=kept)


def _marks(registry: Registry) -> Iterator[Change]:
    servicing = registry.find(SERVICING)
    for name in MARKS:
        found = servicing.key(name) if servicing is not None else None
        # An empty list of packages is there on many healthy systems.
        if found is not None and (name != "PackagesPending" or found.subkey_count or found.value_count):
            place = registry.place(rf"{SERVICING}\{name}")
            yield RegistryRemoveKey(place.path, place.key)
    store = registry.find(STORE)
    for value in store.values() if store is not None else ():
        if value.name.casefold() in OF_STORE:
            place = registry.place(STORE)
            yield RegistryRemoveValue(place.path, place.key, value.name)


OPERATION = Operation(
    summary="Cancel updates that wait for a boot", families=WINDOWS, plan=plan, default=False
)
