"""What stdout gets: nothing that can harm a terminal, nothing cut in a pipe, one JSON document for programs."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from imgtools.cli.output.clean import clean
from imgtools.cli.output.documents import to_json
from imgtools.cli.output.output import Output
from imgtools.cli.output.views import Column, Facts, Lines, Table, Tree
from imgtools.records.files import FileKind
from imgtools.records.request import Engine, Secret
from imgtools.records.system import Warned
from imgtools.units import format_time


@dataclass(frozen=True)
class Report:
    image: str
    engine: Engine
    warnings: tuple[Warned, ...]
    path: str
    kind: FileKind
    mtime: int


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_guest_string_cannot_drive_the_terminal() -> None:
    assert clean("a\x1b]0;title\x07b") == "a\\x1b]0;title\\x07b"
    assert clean("x\u202egpj.exe") == "x\\u202egpj.exe"
    assert clean("one\ttwo\n") == "one\\ttwo\\n"
    assert clean(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\xe9"
    assert clean("grüße 日本") == "grüße 日本"


def test_rich_markup_in_a_guest_string_is_text() -> None:
    out = Terminal()
    Output(stdout=out).show(None, schema="x/1", view=lambda: Table(("Name",), [("[red]x[/red] :smile:",)]))
    assert "[red]x[/red] :smile:" in out.getvalue()


def test_a_pipe_gets_every_character_of_a_wide_cell() -> None:
    out = io.StringIO()
    view = Table((Column("Name"), Column("Size", right=True)), [("x" * 500, 12), ("tab\there", None)])
    Output(stdout=out).show(None, schema="x/1", view=lambda: view)
    assert out.getvalue() == f"Name\tSize\n{'x' * 500}\t12\ntab\\there\t\n"


def test_the_envelope_says_who_answered_and_keeps_bytes_that_are_not_utf8() -> None:
    out, err = io.StringIO(), io.StringIO()
    report = Report("d.img", Engine.DIRECT, (Warned("odd", "/x"),), "/caf\udce9", FileKind.LINK, 10**9)
    Output(json=True, stdout=out, stderr=err).show(report, schema="imgtools.x/1", view=lambda: Facts([]))
    assert json.loads(out.getvalue()) == {
        "schema": "imgtools.x/1",
        "ok": True,
        "image": "d.img",
        "engine": "direct",
        "warnings": [{"text": "odd", "path": "/x"}],
        "data": {
            "path": "/caf\ufffd",
            "path_b64": "L2NhZuk=",
            "kind": "link",
            "mtime": "1970-01-01T00:00:01Z",
        },
    }
    assert err.getvalue() == "imgtools: warning: /x: odd\n"


def test_a_secret_never_becomes_json() -> None:
    with pytest.raises(TypeError):
        to_json({"key": Secret(b"hunter2")})
    assert "hunter2" not in repr(Secret(b"hunter2"))


def test_a_time_that_no_calendar_holds_is_a_number() -> None:
    assert format_time(-(10**30)) == str(-(10**30))


def test_a_tree_is_indented_in_a_pipe() -> None:
    out = io.StringIO()
    Output(stdout=out).show(None, schema="x/1", view=lambda: Tree("sda", [Tree("sda1")]))
    assert out.getvalue() == "sda\n\tsda1\n"


def test_a_title_is_cleaned_too() -> None:
    """The title of info is the name of the image."""
    for view in (
        Facts([("a", "b")], title="x\x1b[31m\u202ey"),
        Table(("a",), [("b",)], title="x\x1b[31m\u202ey"),
    ):
        out = Terminal()
        Output(stdout=out).show(None, schema="x/1", view=lambda view=view: view)
        assert "\x1b[31m" not in out.getvalue() and "\u202e" not in out.getvalue()


def test_json_on_a_terminal_drives_it_no_more_than_text() -> None:
    report = Report("i", Engine.DIRECT, (), "a\x9b31m\u202eb\x7f grüße \U000e0001", FileKind.FILE, 0)
    out, pipe = Terminal(), io.StringIO()
    Output(stdout=out, json=True).show(report, schema="x/1", view=lambda: ())
    Output(stdout=pipe, json=True).show(report, schema="x/1", view=lambda: ())
    assert not set("\x9b\u202e\x7f\U000e0001") & set(out.getvalue()) and "grüße" in out.getvalue()
    assert json.loads(out.getvalue()) == json.loads(pipe.getvalue())
    assert json.loads(out.getvalue())["data"]["path"] == report.path
    line = Terminal()
    Output(stdout=line, json=True).json_line({"name": "\x9b"})
    assert json.loads(line.getvalue()) == {"name": "\x9b"} and "\x9b" not in line.getvalue()


def test_the_same_warning_is_given_once() -> None:
    twice = (Warned("in use", "a"), Warned("in use", "b"), Warned("in use", "a"))
    report = Report("i", Engine.DIRECT, twice, "", FileKind.FILE, 0)
    out, err = io.StringIO(), io.StringIO()
    Output(stdout=out, stderr=err, json=True).show(report, schema="x/1", view=lambda: ())
    assert [one["path"] for one in json.loads(out.getvalue())["warnings"]] == ["a", "b"]
    assert len(err.getvalue().splitlines()) == 2


@dataclass(frozen=True)
class Row:
    path: str


@dataclass(frozen=True)
class Long:
    image: str
    files: tuple[Row, ...]
    warnings: tuple[Warned, ...] = ()


@pytest.mark.parametrize("rows", [[], ["a"], ["a", 'b"\udce9', "c"]])
def test_a_long_report_is_the_same_document_without_being_held(rows: list[str]) -> None:
    long, short = io.StringIO(), io.StringIO()
    warnings: list[Warned] = []

    def made() -> Iterator[Row]:
        for name in rows:
            warnings.append(Warned("damaged", name))
            yield Row(name)

    out = Output(json=True, stdout=long, stderr=io.StringIO())
    out.show_long(
        lambda: Long("a.img", (), tuple(warnings)),
        made(),
        field="files",
        schema="imgtools.x/1",
        view=lambda: Lines(()),
    )
    held = Long("a.img", tuple(Row(name) for name in rows), tuple(Warned("damaged", name) for name in rows))
    Output(json=True, stdout=short, stderr=io.StringIO()).show(held, schema="imgtools.x/1", view=lambda: ())
    assert json.loads(long.getvalue()) == json.loads(short.getvalue())


def test_the_warnings_of_a_long_report_come_after_its_rows() -> None:
    said = io.StringIO()
    warnings: list[Warned] = []

    def lines() -> Iterator[str]:
        yield "row"
        warnings.append(Warned("damaged", "/d"))

    Output(stdout=said, stderr=said).show_long(
        lambda: Long("a.img", (), tuple(warnings)),
        (),
        field="files",
        schema="x/1",
        view=lambda: Lines(lines()),
    )
    assert said.getvalue() == "row\nimgtools: warning: /d: damaged\n"


def test_a_warning_names_its_path_where_its_text_only_names_a_longer_one() -> None:
    said = io.StringIO()
    for text in ("/dev/sda: damaged", "in /d: damaged", "lost (/d)"):
        Output(stderr=said).warn(Warned(text, "/d"))
    assert said.getvalue().splitlines() == [
        "imgtools: warning: /d: /dev/sda: damaged",
        "imgtools: warning: in /d: damaged",
        "imgtools: warning: lost (/d)",
    ]
