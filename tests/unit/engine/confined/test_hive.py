"""A walk through a hive: every key once and in order, with few questions, however many keys there are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.hives import empty
from imgtools.engine.confined import hive as confined
from imgtools.engine.hive import Hive, open_hive
from imgtools.engine.regf.editor import HiveEditor

NOW = 1 << 56
FOLDERS, EACH = 40, 50


@pytest.fixture(scope="module")
def content() -> bytes:
    editor = HiveEditor(empty("SOFTWARE"), "SOFTWARE", NOW)
    for folder in range(FOLDERS):
        for number in range(EACH):
            editor.set_value(f"Top\\folder{folder:02}\\key{number:02}", "v", 4, number.to_bytes(4, "little"))
    made = editor.finish()
    assert made is not None
    return made


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all questions that workers are asked."""
    asked: list[str] = []
    ask = confined.Worker.ask

    def counting(self: confined.Worker, method: str, *arguments: object) -> object:
        asked.append(method)
        return ask(self, method, *arguments)

    monkeypatch.setattr(confined.Worker, "ask", counting)
    return asked


@pytest.fixture
def opened(content: bytes, questions: list[str]) -> Iterator[Hive]:
    with open_hive(content, "/SOFTWARE") as hive:
        yield hive


EXPECTED = [
    "",
    "Top",
    *(
        path
        for folder in range(FOLDERS)
        for path in (
            f"Top\\folder{folder:02}",
            *(f"Top\\folder{folder:02}\\key{number:02}" for number in range(EACH)),
        )
    ),
]


@pytest.mark.parametrize("kept", [8192, 60, 1])
def test_a_walk_meets_every_key_in_order_with_few_questions(
    opened: Hive, questions: list[str], monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """What is forgotten on the way is what lies behind; one question for each key took ten times as long."""
    monkeypatch.setattr(confined, "KEPT", kept)
    assert [(key.path, [one.number for one in key.values()]) for key in opened.root.walk()] == [
        (path, [int(path[-2:])] if "key" in path else []) for path in EXPECTED
    ]
    assert len(questions) < len(EXPECTED) / 20


def test_who_asks_for_one_key_is_not_told_others(opened: Hive, questions: list[str]) -> None:
    key = opened.root.require("Top\\folder07\\key03")
    assert key.value("v") is not None and questions.count("look") == 1


def test_a_walk_from_the_middle(opened: Hive) -> None:
    """The keys beside the one that a walk began at are not of it."""
    folder = opened.root.require("Top\\folder20")
    assert [key.name for key in folder.walk()] == ["folder20", *(f"key{number:02}" for number in range(EACH))]
