"""Without the packages of ``imgtools[fleet]``: what is missing is named with its cure, before anything is begun."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import imgtools as door
from imgtools.errors import FleetLibraryMissing
from imgtools.fleet import libraries
from tests.support.command import imgtools


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of packages that are not there, for as long as a test lasts."""
    names: set[str] = set()

    def find(name: str) -> ModuleSpec | None:
        return None if name in names else importlib.util.find_spec(name)

    monkeypatch.setattr(libraries, "find_spec", find)
    return names


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("run", "df", "--", "x.qcow2"), ("distributed", "cryptography")),
        (("run", "df", "--database", "postgresql://h/x", "--", "x.qcow2"), ("psycopg",)),
        (("run", "df", "--parquet", "out", "--", "x.qcow2"), ("pyarrow",)),
        (("query", "SELECT 1"), ("sqlalchemy",)),
        (("changes", "1", "2"), ("sqlalchemy", "alembic")),
        (("report", "fleet.html"), ("sqlalchemy", "alembic")),
        (("export", "--parquet", "out"), ("pyarrow",)),
        (("export", "--prometheus", "fleet.prom"), ("prometheus_client",)),
    ],
)
def test_what_is_missing_is_named_with_its_cure(
    missing: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    names: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    missing.update(names)
    assert imgtools("fleet", *words, code=31).err.splitlines() == [
        f"imgtools: a fleet needs {', '.join(names)}, which is not installed",
        "  hint: pip install 'imgtools[fleet]'",
    ]
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_what_draws_a_dashboard_has_an_extra_of_its_own(missing: set[str], tmp_path: Path) -> None:
    missing.add("bokeh")
    words = ("--dashboard", "8787", "--database", tmp_path / "f.sqlite", "--", "x.qcow2")
    assert imgtools("fleet", "run", "df", *words, code=31).err.splitlines() == [
        "imgtools: a fleet needs bokeh, which is not installed",
        "  hint: pip install 'imgtools[dashboard]'",
    ]
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_what_is_not_asked_for_may_be_missing(missing: set[str], tmp_path: Path) -> None:
    missing.update(("pyarrow", "psycopg", "prometheus_client", "bokeh"))
    place = tmp_path / "none.sqlite"
    assert "no such file" in imgtools("fleet", "query", "--database", place, "SELECT 1", code=54).err


def test_a_program_gets_the_error_itself(missing: set[str]) -> None:
    missing.add("alembic")
    with pytest.raises(FleetLibraryMissing) as caught:
        door.fleet_query("SELECT 1")
    assert caught.value.exit_code == 31 and "imgtools[fleet]" in caught.value.hint
