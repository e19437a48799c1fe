"""The registry's functions for programs, on hives of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

import imgtools
from imgtools.errors import UsageError
from tests.support.bare_hives import EXAMPLE, bare_hive, values_of


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    return bare_hive(tmp_path)


@pytest.mark.host
@pytest.mark.parametrize(
    ("data", "stored"),
    [
        ("text", (1, "text\0".encode("utf-16-le"))),
        (7, (4, b"\7\0\0\0")),
        (["a", "b"], (7, "a\0b\0\0".encode("utf-16-le"))),
        (b"\1\2", (3, b"\1\2")),
    ],
)
def test_what_is_set_has_the_type_that_fits(
    hive: Path, data: str | int | bytes | list[str], stored: tuple[int, bytes]
) -> None:
    assert not imgtools.registry_set(hive, EXAMPLE, "New", data, hive=True).written
    assert imgtools.registry_set(hive, EXAMPLE, "New", data, hive=True, write=True).written
    assert values_of(hive)["New"] == stored


@pytest.mark.host
def test_merge_search_diff_and_delete(hive: Path, tmp_path: Path) -> None:
    reg = tmp_path / "a.reg"
    reg.write_text(f'[HKCU\\{EXAMPLE}]\n"Count"=dword:9\n')
    (change,) = imgtools.registry_diff(hive, reg_file=reg, hive=True).differences
    assert change.old and change.new and (change.old.number, change.new.number) == (3, 9)
    imgtools.registry_merge(hive, reg, hive=True, write=True)
    assert not imgtools.registry_diff(hive, reg_file=reg, hive=True).differences
    (match,) = imgtools.registry_search(hive, "COUNT", look_at=["values"], hive=True).matches
    assert match.value and match.value.number == 9
    imgtools.registry_delete(hive, EXAMPLE, recursive=True, hive=True, write=True)
    assert [row.key for row in imgtools.registry_list(hive, "Software", hive=True).keys] == []
    with pytest.raises(UsageError):
        imgtools.registry_diff(hive, hive=True)
