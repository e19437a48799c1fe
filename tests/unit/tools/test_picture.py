"""The picture in the README: each word has its own place."""

from __future__ import annotations

import io
import re

from rich.console import Console

from tools.picture import CELL, PICTURE, steady
from tools.transcript import ROOT

WORD = re.compile(r'<text class="imgtools-r\d+" x="([\d.]+)" y="[\d.]+" textLength="([\d.]+)" [^>]*>([^<]*)<')


def _drawn(text: str) -> str:
    console = Console(record=True, width=40, file=io.StringIO(), force_terminal=True)
    console.print(text, markup=False, highlight=False)
    return steady(console.export_svg(title="imgtools", unique_id="imgtools"))


def test_each_word_has_a_place_and_a_width() -> None:
    found = [(word, round(float(x) / CELL), round(float(width) / CELL)) for x, width, word in
             WORD.findall(_drawn(" one   two <3>\n\n  ─── b"))]  # fmt: skip
    assert found == [("one", 1, 3), ("two", 7, 3), ("&lt;3&gt;", 11, 3), ("───", 2, 3), ("b", 6, 1)]


def test_nothing_is_fetched() -> None:
    for drawn in (_drawn("one"), (ROOT / PICTURE).read_text(encoding="utf-8")):
        assert "url(http" not in drawn and "@font-face" not in drawn


def test_a_plan_a_difference_and_a_diagnosis_are_shown() -> None:
    words = [word for _, _, word in WORD.findall((ROOT / PICTURE).read_text(encoding="utf-8"))]
    assert {"sysprep", "diagnose", "repair", "planned,", "fstab-source-missing"} <= set(words)
    assert any(word.startswith("+") for word in words) and any(word.startswith("-/dev") for word in words)
