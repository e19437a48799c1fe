"""Steps that operations for Windows take: files of its folders and of its users' profiles, values of its registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistryRemoveKey, RegistryRemoveValue
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import Plan, empty_directory, remove_matching

if TYPE_CHECKING:  # the shelf is read for every guest
    from imgtools.guest.windows.registry import HiveKey, HivePlace, Registry

ROOT = "%"  # in a pattern: the folder of Windows
SERVICE_PROFILES = ("%/ServiceProfiles/LocalService", "%/ServiceProfiles/NetworkService")
SYSTEM_PROFILE = "%/System32/config/systemprofile"


def removing_from_windows(*patterns: str) -> Plan:
    """Return a plan that removes what the patterns match; ``%`` is the folder of Windows."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        yield from remove_matching(guest.files, *(at_home(guest, one) for one in patterns))

    return plan


def emptying_in_windows(*patterns: str) -> Plan:
    """Return a plan that removes everything in the folders that the patterns match; they stay themselves."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        for pattern in patterns:
            for path in guest.files.glob(at_home(guest, pattern)):
                yield from empty_directory(guest.files, path)

    return plan


def removing_from_profiles(*names: str) -> Plan:
    """Return a plan that removes what the names match in the profile of every user."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        patterns = [f"{home}/{name}" for home in profiles(guest) for name in names]
        yield from remove_matching(guest.files, *patterns)

    return plan


def together(*plans: Plan) -> Plan:
    """Return the plan that makes several plans, one after another."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        for one in plans:
            yield from one(guest, params)

    return plan


def at_home(guest: Guest, pattern: str) -> str:
    """Return a pattern of the guest's own Windows."""
    return guest.os.windows_systemroot + pattern[len(ROOT) :] if pattern.startswith(ROOT) else pattern


def profiles(guest: Guest) -> tuple[str, ...]:
    """Return the folders of all profiles that are there, also of users whom the registry has forgotten."""
    from imgtools.guest.windows.registry import HOMES

    files = guest.files
    homes = [path for home in HOMES if not _is_link(guest, home) for path in files.glob(f"{home}/*")]
    kept = [path for path in homes if files.is_dir(path) and not _is_link(guest, path)]
    return (*kept, *(at_home(guest, one) for one in (*SERVICE_PROFILES, SYSTEM_PROFILE)))


def _is_link(guest: Guest, path: str) -> bool:
    """Whether a folder is a junction, as old names of folders are: what is there is found by its own name."""
    return guest.files.locate(path) != guest.files.resolve(path) if guest.files.exists(path) else True


# -- the registry ----------------------------------------------------------------------------------------------

OfRegistry = Callable[["Registry"], Iterator[Change]]


def in_registry(plan_one: OfRegistry) -> Plan:
    """Return a plan that looks at the registry, which is open as long as it runs."""

    def plan(guest: Guest, params: object) -> Iterator[Change]:
        from imgtools.guest.windows.registry import open_registry

        with open_registry(guest.files, guest.os.windows_systemroot) as registry:
            yield from plan_one(registry)

    return plan


def removing_values(key: str, *names: str) -> Plan:
    """Return a plan that removes the values of these names, as far as the key has them."""
    return in_registry(lambda registry: value_removals(registry, key, *names))


def removing_keys_below(*keys: str) -> Plan:
    """Return a plan that removes every key right below the keys, and what is below it."""

    def plan_one(registry: Registry) -> Iterator[Change]:
        for key in keys:
            place, found = looked_up(registry, key)
            for below in found.subkeys() if found is not None else ():
                yield RegistryRemoveKey(place.path, f"{place.key}\\{below.name}")

    return in_registry(plan_one)


def value_removals(registry: Registry, key: str, *names: str) -> Iterator[Change]:
    """Yield the removal of the values of these names that a key has; without names, of all."""
    place, found = looked_up(registry, key)
    wanted = {name.casefold() for name in names}
    for value in found.values() if found is not None else ():
        if not wanted or value.name.casefold() in wanted:
            yield RegistryRemoveValue(place.path, place.key, value.name)


def looked_up(registry: Registry, key: str) -> tuple[HivePlace, HiveKey | None]:
    """Return where a key is kept, and the key if it is there."""
    from imgtools.guest.windows.registry import HivePlace

    found = registry.find(key)
    return (registry.place(key) if found is not None else HivePlace("", "", ""), found)


def user_keys(registry: Registry, path: str) -> Iterator[tuple[HivePlace, HiveKey]]:
    """Yield a key of every user that has it."""
    for place in registry.hives():
        if place.path.rpartition("/")[2].upper() == "NTUSER.DAT":
            found = registry.hive(place.path).key(path)
            if found is not None:
                yield place._replace(key=path), found
