"""What .reg files say, as changes of a guest's registry."""

from __future__ import annotations

from collections.abc import Iterable

from imgtools.change.change import (
    RegistryChange,
    RegistryMakeKey,
    RegistryRemoveKey,
    RegistryRemoveValue,
    RegistrySet,
)
from imgtools.change.reg_file import RegOrder
from imgtools.change.registry import folded
from imgtools.guest.windows.registry import HivePlace, Registry, RegistryValue

LARGEST_REG = 256 << 20  # bytes of a .reg file
USER = "HKEY_CURRENT_USER"


def merged(
    registry: Registry, orders: Iterable[RegOrder], *, user: str = "", create_parents: bool = True
) -> list[RegistryChange]:
    """Return the changes that the orders of .reg files come to: of two orders for one value the later counts.

    :param user: whom HKEY_CURRENT_USER means.
    :raises NoSuchRegistryKey: a key above is not there, and is not to be made.
    :raises UsageError: a key is none of a hive.
    """
    places: dict[str, HivePlace] = {}
    found: dict[tuple[str, str, str | None], RegistryChange] = {}
    for order in orders:
        if order.key not in places:
            places[order.key] = registry.place(for_user(order.key, user))
            if not create_parents and not (order.remove and order.value is None):
                require_parent(registry, places[order.key])
        place = places[order.key]
        path, key = place.path, folded(place.key)
        if order.value is None and order.remove:
            _forget(found, path, key)
            found[path, f"-{key}", None] = RegistryRemoveKey(path, place.key)
        elif order.value is None:
            found.setdefault((path, key, None), RegistryMakeKey(path, place.key))
        else:
            value = order.value
            change: RegistryChange = RegistryRemoveValue(path, place.key, value.name)
            if not order.remove:
                change = RegistrySet(path, place.key, value.name, type_word(value.type), data=value.data)
            found.pop((path, key, folded(value.name)), None)
            found[path, key, folded(value.name)] = change
    return list(found.values())


def type_word(number: int) -> str:
    """Return what :class:`RegistrySet` calls a type: its name, or its number."""
    return RegistryValue("", number, b"").type_name.replace("REG_0x", "0x")


def _forget(found: dict[tuple[str, str, str | None], RegistryChange], path: str, key: str) -> None:
    """Forget what was ordered for a key that is removed later, and for those below it."""
    gone = [one for one in found if one[0] == path and f"{one[1].removeprefix('-')}\\".startswith(f"{key}\\")]
    for one in gone:
        del found[one]


def for_user(key: str, user: str) -> str:
    r"""Return a key of HKEY_CURRENT_USER as that of a user: ``HKCU\Environment`` -> ``HKEY_USERS\alice\Environment``.

    What is below ``Software\Classes`` has a hive of its own.
    """
    root, _, rest = key.removeprefix("Computer\\").partition("\\")
    if not user or root.upper().removesuffix(":") not in (USER, "HKCU"):
        return key
    classes = "software\\classes"
    if rest.casefold() == classes or rest.casefold().startswith(f"{classes}\\"):
        user, rest = f"{user}_Classes", rest[len(classes) + 1 :]
    return "\\".join(part for part in ("HKEY_USERS", user, rest) if part)


def require_parent(registry: Registry, place: HivePlace) -> None:
    """Refuse a key whose parents would have to be made.

    :raises NoSuchRegistryKey: so it is.
    """
    if not place.key:
        return
    above = place.key.rpartition("\\")[0]
    registry.require(rf"{place.prefix}\{above}" if above else place.prefix)
