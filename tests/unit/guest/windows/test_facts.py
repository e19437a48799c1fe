"""Facts from a registry of which parts are damaged or odd."""

from __future__ import annotations

import pytest

from imgtools.engine.hive import HiveKey
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import OddGuest
from imgtools.guest.windows import facts as module
from imgtools.guest.windows.facts import Values, filetime
from imgtools.guest.windows.registry import MACHINE
from tests.support.hives import Keys, typed
from tests.support.windows import windows_facts

PLACE = rf"{MACHINE}\SOFTWARE\List"


def values(**found: object) -> Values:
    return Values(RegistryValue(name, *typed(data)) for name, data in found.items())  # type: ignore[arg-type]


def test_values_are_found_in_any_letter_case() -> None:
    found = values(Name=" text ", Count=3, Blob=b"\1", List=["a", " ", "b"], Off=0)
    assert (found.text("NAME"), found.number("count"), found.data("BLOB")) == ("text", 3, b"\1")
    assert found.texts("list") == ("a", "b")
    assert (found.flag("Count"), found.flag("off"), found.flag("gone"), found.flag("Name")) == (
        True,
        False,
        None,
        None,
    )
    assert (found.text("count", "gone", "name"), found.text("count"), found.texts("gone")) == ("text", "", ())


@pytest.mark.parametrize("ticks", [0, 0x7FFF_FFFF_FFFF_FFFF])
def test_no_moment(ticks: int) -> None:
    assert filetime(ticks) is None
    assert values(h=ticks >> 32, l=ticks & 0xFFFF_FFFF).time("h", "l") is None
    assert values(h=1).time("h", "l") is None


def numbered(count: int) -> Keys:
    return {rf"List\{number:02d}": {"n": number} for number in range(count)}


def test_a_damaged_key_costs_only_itself_and_many_are_counted() -> None:
    def read(key: HiveKey) -> int | None:
        number = key.number("n") or 0
        if number % 2:
            raise OddGuest(f"key {number} is damaged")
        return number if number != 4 else None

    with windows_facts(numbered(20)) as facts:
        assert facts.each(PLACE, read) == (0, 2, 6, 8, 10, 12, 14, 16, 18)
        texts = [one.text for one in facts.warnings]
    assert texts == [f"key {number} is damaged" for number in (1, 3, 5, 7, 9)] + [
        f"5 more keys below {PLACE} cannot be read"
    ]


def test_a_list_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    with windows_facts(numbered(4)) as facts:
        assert facts.each(PLACE, lambda key: key.number("n")) == (0, 1, 2)
        assert [one.text for one in facts.warnings] == [f"only the first 3 keys below {PLACE} were read"]
    with windows_facts(numbered(3)) as facts:
        assert len(facts.each(PLACE, lambda key: key.number("n"))) == 3
        assert facts.warnings == []


def test_a_damaged_hive_is_named_once() -> None:
    with windows_facts(more={"/Windows/System32/config/SOFTWARE": b"garbage" * 999}) as facts:
        assert facts.each(PLACE, lambda key: key.name) == ()
        assert (facts.text(PLACE, "x"), facts.number(PLACE, "x"), facts.subkeys(PLACE)) == ("", None, ())
        assert facts.key(PLACE) is None
        assert ["SOFTWARE" in one.text for one in facts.warnings] == [True]


def test_a_hive_that_is_not_there_is_no_damage() -> None:
    with windows_facts() as facts:
        assert facts.values(rf"{MACHINE}\COMPONENTS\x").text("y") == ""
        assert facts.warnings == []
