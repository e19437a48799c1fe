"""How two systems of Windows differ: what their overviews say, and their registries value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import islice

from imgtools.errors import GuestFileError, OddGuest, ToolMissing
from imgtools.guest.windows.boot_volume import with_boot_volume
from imgtools.guest.windows.overview import WindowsOverview, windows_overview
from imgtools.guest.windows.registry import open_registry
from imgtools.records.comparison import Changed, FactDifference, FactKind
from imgtools.records.system import Warned
from imgtools.workflows.diff_config import says_secret
from imgtools.workflows.diff_sides import Side
from imgtools.workflows.registry import OpenRegistry, ValueRow
from imgtools.workflows.registry_diff import RegistryDifference, hive_differences

MOST = 20_000  # differences of registries that are told; two installations have a million
LONGEST = 200  # characters of a value
# Hives of secrets: hashes of passwords, keys of services. That they differ is told by their files.
SECRET_HIVES = frozenset({"SAM", "SECURITY"})


def read_windows(side: Side) -> WindowsOverview:
    """Return what is known of a Windows guest."""
    assert side.guest is not None and side.image is not None
    return windows_overview(with_boot_volume(side.image, side.guest), side.image.layout())


def service_facts(overview: WindowsOverview) -> Mapping[str, Mapping[str, str]]:
    """Return services and drivers with what starts them, and when."""
    both = (*(overview.row.services or ()), *(overview.row.drivers or ()))
    return {
        one.name: {"start": one.start, "file": one.file, "library": one.library, "account": one.account}
        for one in both
    }


def compare_registries(old: Side, new: Side, warnings: list[Warned]) -> Iterator[FactDifference]:
    """Yield the values and keys that differ, of the hives that hold no secrets by their nature."""
    with ExitStack() as stack:
        opened = []
        for side in (old, new):
            assert side.guest is not None and side.image is not None
            try:
                guest = with_boot_volume(side.image, side.guest)
                registry = stack.enter_context(open_registry(guest.files, guest.os.windows_systemroot))
            except (OddGuest, GuestFileError, ToolMissing) as error:
                warnings.append(Warned(f"{side.name}: the registry is not compared: {error.message}"))
                return
            opened.append(OpenRegistry(registry, guest))
        found = hive_differences(opened[0], opened[1], SECRET_HIVES, warnings)
        yield from (_difference(one) for one in islice(found, MOST))
        if next(found, None) is not None:
            warnings.append(
                Warned(f"more than {MOST} differences of the registry: the others are not listed; "
                       "imgtools registry diff lists them")
            )  # fmt: skip


def _difference(one: RegistryDifference) -> FactDifference:
    if one.name is None:
        became = Changed.REMOVED if one.only == "old" else Changed.ADDED
        return FactDifference(FactKind.REGISTRY, one.key, became, "key")
    became = Changed.ADDED if one.old is None else Changed.REMOVED if one.new is None else Changed.CHANGED
    name = f"{one.key}\\{one.name or '(default)'}"
    old, new = _text(one.old), _text(one.new)
    if says_secret(one.name, old, new):
        return FactDifference(FactKind.REGISTRY, name, became, "value", hidden=True)
    return FactDifference(FactKind.REGISTRY, name, became, "value", old, new)


def _text(row: ValueRow | None) -> str | None:
    """A value in short: what it means, else its bytes."""
    if row is None:
        return None
    if row.text is not None:
        return row.text[:LONGEST]
    if row.texts is not None:
        return "; ".join(row.texts)[:LONGEST]
    return str(row.number) if row.number is not None else row.data[: LONGEST // 4].hex(" ")
