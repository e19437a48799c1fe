"""The parts of a picture as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imgtools.cli.output import svg

GIB = 1 << 30
HOSTILE = "</text><script>x</script>&\"'\x00\x1b[31m\u202e\udcff\ufffe"


def test_hostile_words_are_text_and_nothing_else() -> None:
    parts = [
        svg.words(0, 0, HOSTILE),
        *svg.legend_list([svg.Entry("#123456", HOSTILE)], 0),
        *svg.legend_row([svg.Entry("", HOSTILE)], 0),
        svg.described(HOSTILE, []),
    ]
    text = svg.document(HOSTILE, 100, parts)
    root = ElementTree.fromstring(text.encode())
    assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
    shown = [element.text for element in root.iter() if element.text and "script" in element.text]
    assert len(shown) == 6
    assert all(not set(one) & set("\x00\x1b\u202e\udcff\ufffe") for one in shown)
    assert all("\\x00\\x1b[31m\\u202e\\xff\\ufffe" in one for one in shown)


def test_long_words_keep_both_ends() -> None:
    assert svg.shorten("a" * 50 + "b" * 50, 9) == "aaaa…bbbb"
    assert svg.shorten("short", 9) == "short"
    assert len(svg.words(0, 0, "x" * 10000, most=300)) < 100


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1000, "1000"),
        (1536, "1.5K"),
        (10 * GIB + GIB // 8, "10.125G"),
        (10 * GIB + GIB // 16, "10304M"),
        (3 << 40, "3T"),
        (GIB + 1, str(GIB + 1)),
    ],
)
def test_sizes_on_the_axis_are_exact(size: int, text: str) -> None:
    assert svg.exact_size(size) == text


def test_ticks_are_round_few_and_clear_of_both_ends() -> None:
    assert svg.ticks(0, 64) == [8, 16, 24, 32, 40, 48, 56]
    assert svg.ticks(10 * GIB, 10 * GIB) == []
    for end in (1, 2, 1000, 6 * GIB, 7 * GIB + 511, 1 << 60):
        found = svg.ticks(0, end)
        assert len(found) <= svg.MOST_TICKS and all(0 < one < end for one in found)
    assert all(one > 10 * GIB for one in svg.ticks(10 * GIB + 5, 11 * GIB))


def test_a_bar_is_as_large_as_its_cells_differ() -> None:
    colours = {"a": "#111111", "b": ""}
    same = "".join(svg.cells_bar([{"a": 1.0}] * 1200, colours, 0, 50))
    assert same.count("M") == 1 and len(same) < 400
    mixed = "".join(svg.cells_bar([{"a": number / 1200, "b": 0.1} for number in range(1200)], colours, 0, 50))
    assert mixed.count("<path") == 1 and len(mixed) < 60_000
