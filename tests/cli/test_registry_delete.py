"""imgtools registry delete."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import EditFailed, NoSuchRegistryKey, UsageError
from tests.support.bare_hives import EXAMPLE, bare_hive, has_key, registry, values_of


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    return bare_hive(tmp_path)


@pytest.mark.parametrize(("words", "gone"), [(["NAME"], "Name"), (["--default"], ""), (["@"], "")])
def test_one_value(hive: Path, words: list[str], gone: str) -> None:
    before = values_of(hive)
    registry("delete", hive, EXAMPLE, *words)
    assert values_of(hive) == before
    registry("delete", hive, EXAMPLE, *words, "--write")
    assert values_of(hive) == {name: value for name, value in before.items() if name != gone}


def test_a_key_with_others_below_it_only_when_that_is_said(hive: Path) -> None:
    ran = registry("delete", hive, EXAMPLE, "--write", code=EditFailed.exit_code)
    assert r"HKEY_CURRENT_USER\Software\Example has keys below it: 1" in ran.err and "--recursive" in ran.err
    (change,) = registry("delete", hive, EXAMPLE, "--recursive", "--json").data["changes"]
    assert change["diff"].splitlines() == [
        r"-[HKEY_CURRENT_USER\Software\Example]",
        '-"Name"="text"',
        '-"Count"=dword:00000003',
        '-"List"=hex(7):6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00',
        '-@="default"',
        r"-[HKEY_CURRENT_USER\Software\Example\Below]",
        '-"x"=hex:01,02',
    ]
    registry("delete", hive, f"{EXAMPLE}\\Below", "--write")
    registry("delete", hive, EXAMPLE, "--write")
    assert has_key(hive, "Software") and not has_key(hive, EXAMPLE)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["Software\\Nothing"], NoSuchRegistryKey, r"there is HKEY_CURRENT_USER\Software"),
        ([EXAMPLE, "Nothing"], NoSuchRegistryKey, "it has Name, Count, List, @"),
        ([EXAMPLE, "Name", "--default"], UsageError, "--default is a value without a name"),
        ([""], UsageError, "is the root of a hive, which stays"),
    ],
)
def test_what_is_not_there(hive: Path, words: list[str], error: type, said: str) -> None:
    before = hive.read_bytes()
    assert said in registry("delete", hive, *words, "--write", code=error.exit_code).err
    assert hive.read_bytes() == before
