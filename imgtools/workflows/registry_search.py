"""Look for a text in the registry of a Windows guest: in names of keys, names of values, and data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from imgtools.errors import OddGuest, UsageError
from imgtools.guest.windows.registry import HiveKey, HivePlace, RegistryValue
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.workflows.registry import OpenRegistry, ValueRow, full_key, open_one, value_row


@dataclass(frozen=True, slots=True)
class Where:
    """What is looked at; nothing of the three means all of them."""

    keys: bool = False
    values: bool = False
    data: bool = False

    @property
    def any_key(self) -> bool:
        """Whether names of keys are looked at."""
        return self.keys or not (self.values or self.data)

    @property
    def any_value(self) -> bool:
        """Whether names of values are looked at."""
        return self.values or not (self.keys or self.data)

    @property
    def any_data(self) -> bool:
        """Whether data is looked at."""
        return self.data or not (self.keys or self.values)


@dataclass(frozen=True, slots=True)
class RegistryMatch:
    """A key whose name has the text, or a value that has it in its name or data."""

    key: str
    value: ValueRow | None = None


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What was found."""

    image: str
    engine: Engine
    text: str
    matches: tuple[RegistryMatch, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(slots=True)
class OpenSearch:
    """A search, which goes on as its matches are taken; ``warnings`` are complete when they have ended."""

    opened: OpenRegistry
    places: tuple[HivePlace, ...]
    pattern: re.Pattern[str]
    where: Where
    warnings: list[Warned] = field(default_factory=list)

    @property
    def matches(self) -> Iterator[RegistryMatch]:
        """Yield what is found, hive after hive, each in its own order."""
        for place in self.places:
            try:
                top = self.opened.registry.hive(place.path).key(place.key)
            except OddGuest as error:
                self.warnings.append(Warned(error.message))
                continue
            if top is not None:
                yield from self._below(place, top)
        self.warnings += self.opened.warnings()

    def _below(self, place: HivePlace, top: HiveKey) -> Iterator[RegistryMatch]:
        refused: list[OddGuest] = []
        for key in top.walk(refused):
            name = full_key(place, key)
            if self.where.any_key and key.path and self.pattern.search(key.name):
                yield RegistryMatch(name)
            if not (self.where.any_value or self.where.any_data):
                continue
            try:
                values = key.values()
            except OddGuest as error:
                refused.append(error)
                continue
            yield from (RegistryMatch(name, value_row(one)) for one in values if self._has(one))
        self.warnings += [Warned(error.message) for error in refused]

    def _has(self, value: RegistryValue) -> bool:
        if self.where.any_value and self.pattern.search(value.name):
            return True
        return self.where.any_data and any(self.pattern.search(text) for text in value.readings)


@contextmanager
def open_search(
    request: ImageRequest,
    text: str,
    *,
    where: Where,
    regex: bool = False,
    within: str = "",
    hive: bool = False,
) -> Iterator[OpenSearch]:
    """Open a search, in any letter case; nothing of it is held in memory.

    :param regex: ``text`` is one of Python's regular expressions.
    :param within: a key; else all hives of the guest.
    :param hive: the file is no image, but a registry hive.
    :raises UsageError: the text is empty, or no regular expression.
    :raises NoSuchRegistryKey: no such key.
    """
    if not text:
        raise UsageError("nothing to look for: the text is empty")
    try:
        pattern = re.compile(text if regex else re.escape(text), re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"not a regular expression: {text!r}: {error}") from None
    with open_one(request, within or "BCD00000000", hive=hive) as opened:
        registry = opened.registry
        places = (registry.require(within)[0],) if within else registry.hives()
        yield OpenSearch(opened, places, pattern, where)


def search(
    request: ImageRequest,
    text: str,
    *,
    where: Where,
    regex: bool = False,
    within: str = "",
    hive: bool = False,
) -> SearchReport:
    """Return everything that :func:`open_search` finds."""
    with open_search(request, text, where=where, regex=regex, within=within, hive=hive) as found:
        matches = tuple(found.matches)
        warnings = tuple(dict.fromkeys(found.warnings))
        return SearchReport(request.name, found.opened.engine, text, matches, warnings)
