"""imgtools registry import: see test_registry_merge.py, which it is the same as."""

from __future__ import annotations

from pathlib import Path

from tests.support.bare_hives import EXAMPLE, bare_hive, registry, values_of


def test_it_merges(tmp_path: Path) -> None:
    hive = bare_hive(tmp_path)
    (tmp_path / "a.reg").write_text(f'[HKCU\\{EXAMPLE}]\n"Count"=dword:9')
    registry("import", hive, tmp_path / "a.reg", "--write")
    assert values_of(hive)["Count"] == (4, b"\x09\0\0\0")
