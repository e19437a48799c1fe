"""The hives of all Windows fixtures, exported, merged into an empty hive, and read by three other readers."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.hives import build, empty
from imgtools.engine.regf.editor import HiveEditor
from tests.house.source import ROOT
from tests.support.bare_hives import registry
from tests.support.hive_readers import Tree, as_libregf_tells, by_hivex, by_libregf, by_reged

GUESTS = ROOT / "fixtures" / "guests"
NOW = 132_000_000_000_000_000


def fixture_hives() -> Iterator[tuple[str, str]]:
    for recipe in sorted(GUESTS.glob("*/recipe.toml")):
        for name, text in tomllib.loads(recipe.read_text()).get("hives", {}).items():
            yield name, str((recipe.parent / text).resolve())


HIVES = sorted(set(fixture_hives()))


def all_agree(hive: bytes, wanted: Tree, scratch: Path) -> None:
    assert by_hivex(hive) == wanted
    assert as_libregf_tells(by_libregf(hive, scratch), wanted) == as_libregf_tells(wanted, wanted)
    assert by_reged(hive, scratch) == wanted


@pytest.mark.parametrize(
    ("name", "text"), HIVES, ids=[f"{Path(text).parent.name}-{name}" for name, text in HIVES]
)
def test_export_merge_and_export_again(name: str, text: str, tmp_path: Path) -> None:
    """What is lost on the way, or understood differently by anybody, is not an export."""
    old, new = tmp_path / name, tmp_path / "new" / name
    new.parent.mkdir()
    old.write_bytes(build(name, Path(text).read_text(), tmp_path))
    new.write_bytes(empty(name))
    exported = tmp_path / "exported.reg"
    exported.write_bytes(registry("export", old, "").out.encode())
    registry("merge", new, exported, "--write")
    assert registry("export", new, "").out == exported.read_bytes().decode()
    all_agree(new.read_bytes(), by_hivex(old.read_bytes()), tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), HIVES, ids=[f"{Path(text).parent.name}-{name}" for name, text in HIVES]
)
def test_an_edit_changes_nothing_else(name: str, text: str, tmp_path: Path) -> None:
    """A value is set in every key, another removed, a key made; the rest is as the readers found it before."""
    hive = build(name, Path(text).read_text(), tmp_path)
    wanted = by_hivex(hive)
    editor = HiveEditor(hive, f"/{name}", NOW)
    for key, values in wanted.items():
        if values:
            gone = next(iter(values))
            editor.remove_value(key, gone)
            del values[gone]
        editor.set_value(key, "imgtools", 4, (42).to_bytes(4, "little"))
        values["imgtools"] = 4, (42).to_bytes(4, "little")
    editor.set_value("New\\Below", "Grüße", 1, "Köln\0".encode("utf-16-le"))
    wanted |= {"New": {}, "New\\Below": {"Grüße": (1, "Köln\0".encode("utf-16-le"))}}
    made = editor.finish()
    assert made is not None
    all_agree(made, wanted, tmp_path)


def test_many_keys_and_large_values(tmp_path: Path) -> None:
    """Lists of lists of keys, and the largest value that needs no big data record, which reged does not follow."""
    editor = HiveEditor(empty("SYSTEM"), "/SYSTEM", NOW)
    wanted: Tree = {"": {}, "Large": {"v": (3, b"ab" * 8172)}, "Many": {}}
    editor.set_value("Large", "v", 3, b"ab" * 8172)
    for number in range(3000):
        editor.set_value(f"Many\\key{number}", "v", 4, number.to_bytes(4, "little"))
        wanted[f"Many\\key{number}"] = {"v": (4, number.to_bytes(4, "little"))}
    made = editor.finish()
    assert made is not None
    all_agree(made, wanted, tmp_path)
