"""An operation is one file: with a summary, a documentation and a test of the same name."""

from __future__ import annotations

import dataclasses
import pkgutil

import pytest

import imgtools.ops
from imgtools.ops.check import load_checks
from imgtools.ops.operation import Shelved, load_shelf
from imgtools.ops.station import load_stations
from tests.house.source import ROOT, modules, report
from tools.shelves import shelves

ALL = {f"{shelf}/{name}": (shelf, one) for shelf, found in shelves().items() for name, one in found.items()}
each_operation = pytest.mark.parametrize(("shelf", "one"), ALL.values(), ids=ALL)


def test_every_file_on_a_shelf_is_an_operation() -> None:
    """Any other file would be left out without a word; what operations share lies elsewhere."""
    packages = {info.name for info in pkgutil.iter_modules(imgtools.ops.__path__) if info.ispkg}
    broken = [
        f"{module.path}: it says none of OPERATION, CHECK and STATION; what operations share goes to ops/ or guest/"
        for module in modules()
        if len(module.rooms) == 3
        and module.rooms[0] == "ops"
        and module.rooms[1] in packages
        and not any(
            f"\n{word} " in module.text or f"\n{word}:" in module.text
            for word in ("OPERATION", "CHECK", "STATION")
        )
    ]
    assert not broken, report("a module on a shelf is an operation", broken)


@each_operation
def test_summary_is_one_line_without_a_full_stop(shelf: str, one: Shelved) -> None:
    summary = one.operation.summary
    assert summary == summary.strip(), summary
    assert "\n" not in summary
    assert 8 <= len(summary) <= 72, summary
    assert summary[0].isupper(), summary
    assert not summary.endswith("."), summary


@each_operation
def test_documentation_says_more_than_a_word(shelf: str, one: Shelved) -> None:
    first = one.doc.partition("\n")[0]
    assert first.endswith("."), f"ops/{shelf}/{one.name}: the docstring begins with a sentence: {first!r}"


@each_operation
def test_parameters_are_frozen(shelf: str, one: Shelved) -> None:
    params = one.operation.params
    assert dataclasses.is_dataclass(params)
    assert params.__dataclass_params__.frozen, f"ops/{shelf}/{one.name}: @dataclass(frozen=True, slots=True)"  # type: ignore[attr-defined]


@each_operation
def test_operation_is_tested_by_name(shelf: str, one: Shelved) -> None:
    """A file of its own, or a case in a table of the shelf's tests."""
    name = one.name.replace("-", "_")
    tests = ROOT / "tests" / "unit" / "ops"
    has_file = (tests / shelf / f"test_{name}.py").is_file()
    named = any(f'"{one.name}"' in path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    assert has_file or named, f"write tests/unit/ops/{shelf}/test_{name}.py, or name it in a table of cases"


def test_stations_say_what_they_find() -> None:
    """What explains a finding is found by its id, which is of one station alone."""
    stations = load_stations()
    ids = [name for one in stations for name in one.station.causes]
    assert sorted(set(ids)) == sorted(ids)
    broken = [
        one.name
        for one in stations
        if not one.doc or one.station.summary.endswith(".") or not one.station.causes or not one.station.place
    ]
    assert not broken, report(
        "a station has a docstring, a summary without a full stop, causes and a place", broken
    )


def test_checks_say_what_they_want() -> None:
    """A title as it should be, a rationale, a group; and a case that finds and one that is silent."""
    shelf = load_checks()
    tests = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests" / "unit" / "ops" / "checks").rglob("test_*.py")
    )
    broken = [
        one.id
        for one in shelf.values()
        if len(one.rationale.splitlines()) < 2
        or one.check.title.endswith(".")
        or not 8 <= len(one.check.title) <= 90
        or f'"{one.id}"' not in tests
        or not dataclasses.is_dataclass(one.check.params)
    ]
    assert not broken, report(
        "a check has a rationale of more than a line, a title without a full stop, and a test that names it",
        broken,
    )


def test_what_mends_a_finding_is_a_repair_and_the_finding_is_the_stations() -> None:
    repairs = load_shelf("imgtools.ops.repair")
    stations = load_stations()
    unknown = [
        f"{one.name}: {name}" for one in stations for name in one.station.mended if name not in repairs
    ]
    others = [
        f"{one.name}: {name}"
        for one in stations
        for names in one.station.mended.values()
        for name in names
        if name not in one.station.causes
    ]
    assert not unknown + others, report(
        "STATION.mended: repair -> ids of this station's findings", unknown + others
    )
