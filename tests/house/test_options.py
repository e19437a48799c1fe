"""The options of all commands: none is lost."""

from __future__ import annotations

import json

import pytest

from tests.house.source import ROOT, report
from tools.options import read

BEFORE = json.loads((ROOT / "tests" / "golden" / "options-before.json").read_text(encoding="utf-8"))
NOW = read()


@pytest.mark.parametrize("name", BEFORE)
def test_no_command_loses_an_option(name: str) -> None:
    """Every spelling that once worked still does, and takes as many words as it did."""
    assert name in NOW, f"imgtools {name} is gone; keep its old name working"
    options = NOW[name].options
    lost = [
        f"{spelling} took {kind}, now {options.get(spelling, 'it is unknown')}"
        for spelling, kind in BEFORE[name]["options"].items()
        if options.get(spelling) not in {kind, "values" if kind == "value" else kind}
    ]
    assert not lost, report(f"imgtools {name} has lost options", lost)


@pytest.mark.parametrize("name", BEFORE)
def test_no_command_wants_other_words(name: str) -> None:
    """Arguments stay where they were; one may join at the end."""
    then, now = BEFORE[name]["arguments"], NOW[name].arguments
    assert list(now[: len(then)]) == then
