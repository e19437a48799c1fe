"""Steps that repairs of Windows take: a service, the entry that starts Windows, what a parameter has to say."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryRemoveValue, RegistrySet
from imgtools.errors import NotInGuest, OddGuest
from imgtools.guest.guest import Guest
from imgtools.ops.operation import Params

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.guest.windows.bcd import BootObject, BootStore
    from imgtools.guest.windows.registry import HiveKey, HivePlace, Registry

    OfRegistry = Callable[[Registry, Params], Iterator[Change]]
    OfLoader = Callable[[BootStore, BootObject, Params], Iterator[Change]]

Plan = Callable[[Guest, Params], Iterator[Change]]
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CLASSES = r"HKLM\SYSTEM\CurrentControlSet\Control\Class"
# "Start" of a service ("CreateService function", learn.microsoft.com: dwStartType).
START_TYPES = {"boot": 0, "system": 1, "auto": 2, "demand": 3, "disabled": 4}
DISABLED = START_TYPES["disabled"]
DRIVER_TYPES = 0x0B  # SERVICE_KERNEL_DRIVER, SERVICE_FILE_SYSTEM_DRIVER, SERVICE_RECOGNIZER_DRIVER
FILTERS = ("UpperFilters", "LowerFilters")


def require_said(value: str | Sequence[str], name: str) -> None:
    """Refuse a parameter that has no default that anybody means.

    :raises ValueError: it is empty.
    """
    if not value:
        raise ValueError(f"the parameter {name} is missing; say it with --set")


@dataclass(frozen=True, slots=True)
class OfAccount:
    """``user`` is an account's name or relative id, and has to be said."""

    user: str = ""

    def __post_init__(self) -> None:
        require_said(self.user, "user")


def with_registry(plan_one: OfRegistry) -> Plan:
    """Return a plan that looks at the registry, which is open as long as it runs."""

    def plan(guest: Guest, params: Params) -> Iterator[Change]:
        from imgtools.guest.windows.registry import open_registry

        with open_registry(guest.files, guest.os.windows_systemroot) as registry:
            yield from plan_one(registry, params)

    return plan


def set_number(place: HivePlace, found: HiveKey, name: str, number: int) -> Iterator[Change]:
    """Yield what gives a value of a key this number, if it has not got it."""
    if found.number(name) != number:
        yield RegistrySet(place.path, place.key, name, "REG_DWORD", number=number)


# -- services --------------------------------------------------------------------------------------------------


def service(registry: Registry, name: str) -> tuple[HivePlace, HiveKey]:
    """Return the key of a service or driver.

    :raises NotInGuest: there is none of that name; the hint names the nearest.
    """
    above = registry.find(SERVICES)
    found = above.key(name) if above is not None and "\\" not in name else None
    if found is None:
        known = [one.name for one in above.subkeys()] if above is not None else []
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"list them: imgtools registry get IMAGE '{SERVICES}'"
        raise NotInGuest(f"the guest has no service {name}", hint=hint)
    return registry.place(rf"{SERVICES}\{found.name}"), found


def disabled(registry: Registry, names: Sequence[str]) -> Iterator[Change]:
    """Yield what keeps services from starting, as far as the guest has them and they are not disabled.

    A filter that a class of devices names and that cannot be loaded would keep every device of the class from starting,
    the disk that Windows is on among them: its name goes ("How to enable or disable a device filter driver").
    """
    wanted = {name.casefold() for name in names}
    above = registry.find(SERVICES)
    for one in above.subkeys() if above is not None else ():
        if one.name.casefold() in wanted:
            place = registry.place(rf"{SERVICES}\{one.name}")
            yield from set_number(place, one, "Start", DISABLED)
    yield from _without_filters(registry, wanted)


def _without_filters(registry: Registry, gone: set[str]) -> Iterator[Change]:
    classes = registry.find(CLASSES)
    for one in classes.subkeys() if classes is not None else ():
        place = registry.place(rf"{CLASSES}\{one.name}")
        for name in FILTERS:
            value = one.value(name)
            texts = value.texts or () if value is not None else ()
            kept = tuple(text for text in texts if text.casefold() not in gone)
            if kept and kept != texts:
                yield RegistrySet(place.path, place.key, name, "REG_MULTI_SZ", texts=kept)
            elif kept != texts:
                yield RegistryRemoveValue(place.path, place.key, name)


# -- boot configuration ----------------------------------------------------------------------------------------


def no_boot_configuration(guest: Guest) -> str:
    """Say that a guest has no boot configuration, as those before Vista; "" if it has one."""
    from imgtools.guest.windows.registry import BOOT_HIVE_PATHS

    return "" if any(guest.files.is_file(path) for path in BOOT_HIVE_PATHS) else "no boot configuration (BCD)"


def of_default_loader(plan_one: OfLoader) -> Plan:
    """Return a plan about the entry of the boot menu that starts if nobody chooses.

    :raises OddGuest: when it runs: there is none.
    """

    def plan(guest: Guest, params: Params) -> Iterator[Change]:
        from imgtools.guest.windows.registry import open_registry

        with open_registry(guest.files, guest.os.windows_systemroot) as registry:
            store = the_boot_store(registry)
            loader = store.objects.get(store.default)
            if loader is None or loader not in store.loaders:
                raise OddGuest(
                    f"{store.path} names no entry that starts Windows by default",
                    hint="look at it: imgtools registry export IMAGE 'HKLM\\BCD00000000'",
                )
            yield from plan_one(store, loader, params)

    return plan


def the_boot_store(registry: Registry) -> BootStore:
    """Return the boot configuration of a guest that has one.

    :raises OddGuest: it is damaged.
    """
    from imgtools.guest.windows.bcd import boot_store

    store = boot_store(registry)
    if store is None:
        raise OddGuest("no boot configuration (BCD)")
    return store
