"""Tables on narrow terminals: what is spare goes, times lose their seconds, and no name is ever broken."""

from __future__ import annotations

import io
import re

import pytest

from imgtools.cli.output.output import Output
from imgtools.cli.output.terminal import GrowingTable
from imgtools.cli.output.views import Column, Facts, Table, View

LONG = "/srv/a-folder-with-a-rather-long-name/and-a-file-in-it.conf"
FILES = Table(
    (Column("Mode"), Column("Size", right=True), Column("Modified", time=True), Column("Path")),
    [
        ("-rw-r--r--", 12, "2024-03-01T12:30:45Z", "/etc/hosts"),
        ("-rw-------", 5, "2024-03-01T12:30:45Z", LONG),
    ],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(view: View, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    Output(stdout=stream).show(None, schema="x/1", view=lambda: view)
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_no_path_is_broken(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(FILES, width, monkeypatch)
    assert [line.split()[-1] for line in lines if line.startswith((" -rw", "-rw"))] == ["/etc/hosts", LONG]
    facts = drawn(Facts([("file", f"{LONG} and its words")]), width, monkeypatch)
    assert any(LONG in line for line in facts)


def test_only_the_row_that_is_too_wide_is_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(FILES, 50, monkeypatch)
    assert [len(line) <= 50 for line in lines] == [True, True, False]


@pytest.mark.parametrize(
    ("width", "time"), [(120, "2024-03-01T12:30:45Z"), (52, "2024-03-01 12:30"), (44, "2024-03-01")]
)
def test_times_become_shorter(width: int, time: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(FILES.columns, list(FILES.rows)[:1])
    (line,) = (line for line in drawn(table, width, monkeypatch) if "-rw" in line)
    assert f" {time} " in line
    assert len(line) <= width


def test_what_is_spare_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table((Column("Name"), Column("", spare=True)), [("/dev/sda1", "#" * 20)])
    assert "#" * 20 in "".join(drawn(table, 40, monkeypatch))
    assert "#" not in "".join(drawn(table, 30, monkeypatch))


def test_words_wrap_where_they_are_prose(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table((Column("Name"), Column("Summary", prose=True)), [("x" * 20, "some words " * 8)])
    lines = drawn(table, 60, monkeypatch)
    assert max(map(len, lines)) <= 60
    assert "x" * 20 in "".join(lines) and len(lines) > 3


def test_rows_that_come_later_stand_below_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    columns = (Column("Image"), Column("Used", right=True), Column("", spare=True))
    table = GrowingTable(columns, ["a-long-name.qcow2"], stream)
    for name, used in (("a.img", 1), ("a-long-name.qcow2", 1000)):
        table.add([(name, used, "#" * 40)])
    assert stream.getvalue().splitlines() == [
        "Image              Used",
        "a.img                 1",
        "a-long-name.qcow2  1000",
    ]
