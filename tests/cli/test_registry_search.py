"""imgtools registry search."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import NoSuchRegistryKey, UsageError
from tests.support.bare_hives import bare_hive, registry
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

KEYS = {
    "Alpha\\Needle": {"x": "hay"},
    "Beta": {
        "needle name": 3,
        "Text": "a NEEDLE in it",
        "List": ["one", "needles"],
        "Expand": (2, b"n\0\0\0"),
    },
    "Gamma": {
        "Number": 0xBEEF,
        "Narrow": b"..needle..",
        "Wide": b"\1\2" + "needle".encode("utf-16-le"),
        "": "needle by default",
    },
}
KEY = r"HKEY_CURRENT_USER\Alpha\Needle"
BETA, GAMMA = r"HKEY_CURRENT_USER\Beta", r"HKEY_CURRENT_USER\Gamma"


@pytest.fixture(scope="module")
def hive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_hive(tmp_path_factory.mktemp("hive"), keys=KEYS)


def found(hive: Path, *words: str, code: int = 0) -> set[tuple[str, ...]]:
    """Keys, and names of values, that are found."""
    lines = registry("search", hive, *words, code=code).out.splitlines()
    return {tuple(line.split("\t")[:2]) for line in lines}


NAMED = {(BETA, "needle name")}
DATA = {(BETA, "Text"), (BETA, "List"), (GAMMA, "Narrow"), (GAMMA, "Wide"), (GAMMA, "@")}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["needle"], {(KEY,)} | NAMED | DATA),
        (["NEEDLE", "--keys"], {(KEY,)}),
        (["needle", "--values"], NAMED),
        (["needle", "--data"], DATA),
        (["needle", "--keys", "--values"], {(KEY,)} | NAMED),
        (["needle", "--in", "Beta"], NAMED | {(BETA, "Text"), (BETA, "List")}),
        (["needle", "--in", "HKCU\\Alpha"], {(KEY,)}),
        (["48879"], {(GAMMA, "Number")}),
        (["0xbeef"], {(GAMMA, "Number")}),
        (["^needles?$", "--regex", "--data"], {(BETA, "List")}),
        (["n.*dle$", "--regex", "--keys"], {(KEY,)}),
        (["[", "--keys"], set()),
    ],
)
def test_where_it_is_found(hive: Path, words: list[str], expected: set[tuple[str, ...]]) -> None:
    assert found(hive, *words, code=0 if expected else 1) == expected


def test_values_are_shown_with_their_data(hive: Path) -> None:
    assert registry("search", hive, "beef", "--data").out == f"{GAMMA}\tNumber\tREG_DWORD\t0xbeef (48879)\n"
    (match,) = registry("search", hive, "beef", "--data", "--json").data["matches"]
    assert match["key"] == GAMMA and match["value"]["number"] == 0xBEEF


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ([""], UsageError, "the text is empty"),
        (["[", "--regex"], UsageError, "not a regular expression"),
        (["x", "--in", "Nothing"], NoSuchRegistryKey, r"no such registry key: HKEY_CURRENT_USER\Nothing"),
    ],
)
def test_what_cannot_be_looked_for(hive: Path, words: list[str], error: type, said: str) -> None:
    assert said in registry("search", hive, *words, code=error.exit_code).err


def test_all_hives_of_a_guest() -> None:
    image = fixture_image("windows")
    keys = {line.split("\t")[0] for line in imgtools("registry", "search", image, "alice").out.splitlines()}
    assert any(key.startswith("HKEY_LOCAL_MACHINE\\SOFTWARE") for key in keys)
