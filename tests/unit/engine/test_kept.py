"""What is kept between commands is given back for the same key only, and nothing of it is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine import augeas_files
from imgtools.engine.kept import keep, kept_path, recall


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    augeas_files._transforms.cache_clear()
    return tmp_path


def test_a_value_comes_back_for_its_key_only() -> None:
    keep("facts", ("boot", 1), {"a": [1]})
    assert recall("facts", ("boot", 1)) == {"a": [1]}
    assert recall("facts", ("boot", 2)) is None
    assert recall("others", ("boot", 1)) is None
    assert kept_path("facts").parent.stat().st_mode & 0o777 == 0o700


def test_the_lens_of_an_unusual_file_is_the_same_when_it_was_kept() -> None:
    first = augeas_files.lens_of("/etc/exports")
    augeas_files._transforms.cache_clear()
    assert kept_path("lenses").exists()
    assert augeas_files.lens_of("/etc/exports") == first == "Exports.lns"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"key": null, "value": 7}'])
def test_damage_is_as_if_nothing_were_kept(content: str) -> None:
    augeas_files.lens_of("/etc/exports")
    kept_path("lenses").write_text(content)
    augeas_files._transforms.cache_clear()
    assert augeas_files.lens_of("/etc/exports") == "Exports.lns"


def test_lenses_that_were_installed_since_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    augeas_files.lens_of("/etc/exports")
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.aug").write_text(
        "module Mine =\nautoload xfm\n"
        'let lns = [ label "line" . store /[a-z]+/ . del /\\n/ "\\n" ]*\n'
        'let xfm = transform lns (incl "/etc/mine.conf")\n'
    )
    monkeypatch.setenv("AUGEAS_LENS_LIB", str(own))
    augeas_files._transforms.cache_clear()
    assert augeas_files.lens_of("/etc/mine.conf") == "Mine.lns"
