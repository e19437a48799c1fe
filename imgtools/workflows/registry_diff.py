"""How two registries differ: two keys of a guest, one key of two guests, or a guest and what a .reg file wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from imgtools.change.reg_file import read_reg
from imgtools.change.reg_text import value_lines
from imgtools.change.registry import folded, type_number
from imgtools.errors import OddGuest, UsageError
from imgtools.guest.windows.registry import HiveKey, HivePlace, Registry, RegistryValue
from imgtools.guest.windows.registry_merge import for_user
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.workflows.registry import OpenRegistry, ValueRow, open_one, value_row


@dataclass(frozen=True, slots=True)
class RegistryDifference:
    """One key or value that is not the same on both sides; what a side has not, is None there.

    ``name`` is None where the key itself is on one side only; what is in it is listed too.
    """

    key: str  # in full; of two keys of one guest, as it is called below the first
    name: str | None = None
    old: ValueRow | None = None
    new: ValueRow | None = None
    only: str = ""  # of a key: "old" or "new"


@dataclass(frozen=True, slots=True)
class DiffReport:
    """What differs, from the first side to the second."""

    image: str
    other: str
    engine: Engine
    differences: tuple[RegistryDifference, ...]
    warnings: tuple[Warned, ...] = ()


def diff_keys(request: ImageRequest, first: str, second: str, *, hive: bool = False) -> DiffReport:
    """Compare two keys of one guest with everything below them, such as two control sets.

    :raises NoSuchRegistryKey: one of them is not there.
    """
    with open_one(request, first, second, hive=hive) as opened:
        (place, old), (other, new) = opened.registry.require(first), opened.registry.require(second)
        found, refused = _compared(old, new, place.name)
        return DiffReport(
            _label(request, place),
            _label(request, other),
            opened.engine,
            found,
            opened.warnings(*refused),
        )


def diff_images(
    request: ImageRequest, other: ImageRequest, key: str = "", *, hive: bool = False
) -> DiffReport:
    """Compare a key of two guests, or of one at two times; without a key, every hive that either has.

    :raises NoSuchRegistryKey: one of them has no such key.
    """
    names = (key or "BCD00000000",)
    with open_one(request, *names, hive=hive) as one, open_one(other, *names, hive=hive) as two:
        found: list[RegistryDifference] = []
        refused: list[Warned] = []
        for prefix, old, new in _pairs(one, two, key):
            rows, more = _compared(old, new, prefix)
            found += rows
            refused += more
        warnings = tuple(dict.fromkeys((*one.warnings(*refused), *two.warnings())))
        return DiffReport(request.name, str(other.host_path), one.engine, tuple(found), warnings)


def diff_reg(
    request: ImageRequest, name: str, content: bytes, *, user: str = "", hive: bool = False
) -> DiffReport:
    """Compare a guest with what a .reg file wants: what differs is what a merge of it would change.

    :raises UsageError: a line of the file does not parse.
    """
    orders = tuple(read_reg(content, name))
    with open_one(request, *(order.key for order in orders), hive=hive) as opened:
        found: dict[tuple[str, str | None], RegistryDifference] = {}
        for order in orders:
            place, key = _looked_up(opened.registry, for_user(order.key, user))
            if order.value is None:
                if (key is None) != order.remove:
                    only = "old" if order.remove else "new"
                    found[place.name, None] = RegistryDifference(place.name, only=only)
                continue
            old = key.value(order.value.name) if key is not None else None
            new = None if order.remove else order.value
            found.pop((place.name, folded(order.value.name)), None)
            if not _same(old, new):
                row = _difference(place.name, order.value.name, old, new)
                found[place.name, folded(order.value.name)] = row
        return DiffReport(request.name, name, opened.engine, tuple(found.values()), opened.warnings())


def _looked_up(registry: Registry, name: str) -> tuple[HivePlace, HiveKey | None]:
    place = registry.place(name)
    return place, registry.hive(place.path).key(place.key)


def _label(request: ImageRequest, place: HivePlace) -> str:
    return f"{request.name}: {place.name}"


def _pairs(
    one: OpenRegistry, two: OpenRegistry, key: str
) -> Iterator[tuple[str, HiveKey | None, HiveKey | None]]:
    if key:
        (place, old), (_, new) = one.registry.require(key), two.registry.require(key)
        yield place.name, old, new
        return
    sides = [{place.prefix.casefold(): place for place in side.registry.hives()} for side in (one, two)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        places = [side.get(name) for side in sides]
        keys = [
            opened.registry.hive(place.path).root if place else None
            for opened, place in zip((one, two), places, strict=True)
        ]
        yield next(place.prefix for place in places if place), keys[0], keys[1]


def hive_differences(
    one: OpenRegistry, two: OpenRegistry, without: frozenset[str], warnings: list[Warned]
) -> Iterator[RegistryDifference]:
    """Yield how the hives of two guests differ, one difference at a time.

    :param without: the hives of the machine that are left out, by name.
    :param warnings: gets what of a hive cannot be read.
    """
    refused: list[OddGuest] = []
    try:
        for prefix, old, new in _pairs(one, two, ""):
            if prefix.rpartition("\\")[2].upper() not in without:
                yield from _differences(old, new, prefix, refused)
    except OddGuest as error:
        refused.append(error)
    warnings += [Warned(error.message) for error in refused]


# -- two keys --------------------------------------------------------------------------------------------------


def _compared(
    old: HiveKey | None, new: HiveKey | None, prefix: str
) -> tuple[tuple[RegistryDifference, ...], list[Warned]]:
    refused: list[OddGuest] = []
    found = tuple(_differences(old, new, prefix, refused))
    return found, [Warned(error.message) for error in refused]


def _differences(
    old: HiveKey | None, new: HiveKey | None, name: str, refused: list[OddGuest]
) -> Iterator[RegistryDifference]:
    """Yield how two keys differ, a key before what is below it."""
    todo: list[tuple[str, HiveKey | None, HiveKey | None]] = [(name, old, new)]
    seen: set[tuple[int, int]] = set()
    while todo:
        name, old, new = todo.pop()
        pair = (old.identity if old else -1, new.identity if new else -1)
        if pair in seen:
            raise UsageError(f"{name or 'the key'} is in itself: the hive is damaged")
        seen.add(pair)
        if old is None or new is None:
            yield RegistryDifference(name, only="old" if new is None else "new")
        try:
            yield from _values(name, old.values() if old else (), new.values() if new else ())
            below = _below(old), _below(new)
        except OddGuest as error:
            refused.append(error)
            continue
        names = {
            **{key: one.name for key, one in below[1].items()},
            **{key: one.name for key, one in below[0].items()},
        }
        todo += [
            ("\\".join(part for part in (name, names[key]) if part), below[0].get(key), below[1].get(key))
            for key in sorted(names, reverse=True)
        ]


def _below(key: HiveKey | None) -> Mapping[str, HiveKey]:
    return {folded(one.name): one for one in key.subkeys()} if key is not None else {}


def _values(
    key: str, old: Sequence[RegistryValue], new: Sequence[RegistryValue]
) -> Iterator[RegistryDifference]:
    olds, news = ({folded(one.name): one for one in side} for side in (old, new))
    for name in dict.fromkeys([*olds, *news]):
        before, after = olds.get(name), news.get(name)
        if not _same(before, after):
            shown = before or after
            yield _difference(key, shown.name if shown else "", before, after)


def _same(old: RegistryValue | None, new: RegistryValue | None) -> bool:
    if old is None or new is None:
        return old is new
    return (old.type, old.data) == (new.type, new.data)


def _difference(
    key: str, name: str, old: RegistryValue | None, new: RegistryValue | None
) -> RegistryDifference:
    rows = [value_row(one) if one is not None else None for one in (old, new)]
    return RegistryDifference(key, name, rows[0], rows[1])


# -- as text ---------------------------------------------------------------------------------------------------


def diff_lines(report: DiffReport) -> Iterator[str]:
    """Yield the differences in .reg notation, those of one key below its name."""
    if report.differences:
        yield from (f"--- {report.image}", f"+++ {report.other}")
    key = None
    for one in report.differences:
        if one.only:
            yield f"{'-' if one.only == 'old' else '+'}[{one.key}]"
        elif one.key != key:
            yield f" [{one.key}]"
        key = one.key
        yield from _signed(one.old, "-")
        yield from _signed(one.new, "+")


def _signed(row: ValueRow | None, sign: str) -> Iterator[str]:
    if row is not None:
        value = RegistryValue(row.name, type_number(row.type), row.data)
        yield from (f"{sign}{line}" for line in value_lines(value))
