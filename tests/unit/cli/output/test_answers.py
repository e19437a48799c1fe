"""What a process writes down about its image is printed as if it had been said; what is odd is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pytest

from imgtools.cli.output.answers import Answers, OddAnswer, Recorder
from imgtools.cli.output.output import Output
from imgtools.cli.output.views import Column, Csv, Facts, Lines, Table, Tree, View
from imgtools.errors import BadImage
from imgtools.records.system import Warned

ROWS = Table((Column("Name"), Column("Size", right=True)), [("one", 1), ("two", None)])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Printed:
    """Answers about images, all of the same views, as they come out."""

    def __init__(self, stdout: io.StringIO, names: Sequence[str], *, marked: bool = True) -> None:
        self.stdout, self.stderr = stdout, io.StringIO()
        self.out = Output(stdout=stdout, stderr=self.stderr)
        self.answers = Answers(self.out, names, marked=marked)

    def say(self, place: int, *views: View) -> None:
        written = io.BytesIO()
        recorder = Recorder(written, self.out)
        recorder.show(None, schema="x/1", view=lambda: views)
        recorder.finish(0, None)
        written.seek(0)
        assert self.answers.show(place, written).code == 0

    @property
    def lines(self) -> list[str]:
        return self.stdout.getvalue().splitlines()


def test_in_a_pipe_every_line_begins_with_its_image() -> None:
    printed = Printed(io.StringIO(), ["a.img", "b.img"])
    for place in (1, 0):
        printed.say(place, ROWS, Facts([("key", "value")]), Lines(["words"]), Tree("top", [Tree("below")]))
    assert printed.lines == [
        "Image\tName\tSize",
        *(
            f"{image}\t{rest}"
            for image in ("b.img", "a.img")
            for rest in ("one\t1", "two\t", "key\tvalue", "words", "top", "\tbelow")
        ),
    ]


def test_one_image_is_not_marked() -> None:
    printed = Printed(io.StringIO(), ["a.img"], marked=False)
    printed.say(0, ROWS, Lines(["a\tb"]))
    assert printed.lines == ["Name\tSize", "one\t1", "two\t", "a\\tb"]


def test_csv_has_one_head_and_no_marks() -> None:
    printed = Printed(io.StringIO(), ["a.img", "b.img"])
    printed.say(0, Csv("x,y", ["a.img,1"]))
    printed.say(1, Csv("x,y", ["b.img,2"]))
    assert printed.lines == ["x,y", "a.img,1", "b.img,2"]


def test_on_a_terminal_tables_are_one_and_the_rest_stands_below_its_image() -> None:
    printed = Printed(Terminal(), ["a.img", "b.img"])
    printed.say(0, ROWS)
    printed.say(1, ROWS)
    assert [line.split() for line in printed.lines] == [
        ["Image", "Name", "Size"],
        ["a.img", "one", "1"],
        ["a.img", "two"],
        ["b.img", "one", "1"],
        ["b.img", "two"],
    ]
    printed = Printed(Terminal(), ["a.img", "b.img"])
    printed.say(0, Lines(["words"]))
    printed.say(1, Lines(["words"]))
    assert printed.lines == ["a.img:", "words", "", "b.img:", "words"]


def test_warnings_notes_and_failures_say_whose_they_are() -> None:
    printed = Printed(io.StringIO(), ["a.img", "b.img"])
    written = io.BytesIO()
    recorder = Recorder(written, printed.out)
    recorder.warn(Warned("odd", "/etc/fstab"))
    recorder.note("done")
    recorder.finish(10, BadImage("no image", hint="make one"))
    written.seek(0)
    outcome = printed.answers.show(1, written)
    assert outcome.warned and outcome.error is not None and outcome.code == 10
    printed.answers.fail(1, outcome.error)
    assert printed.stderr.getvalue().splitlines() == [
        "imgtools: warning: b.img: /etc/fstab: odd",
        "b.img: done",
        "imgtools: b.img: no image",
        "  hint: make one",
    ]


def test_an_envelope_always_names_its_image() -> None:
    stdout = io.StringIO()
    out = Output(json_lines=True, stdout=stdout, stderr=io.StringIO())
    answers = Answers(out, ["caf\udce9.img", "b.img"], marked=True)
    written = io.BytesIO()
    recorder = Recorder(written, out)
    recorder.show({"n": 1}, schema="imgtools.x/1", view=lambda: Lines([]))
    recorder.finish(0, None)
    written.seek(0)
    answers.show(0, written)
    answers.fail(1, {"class": "BadImage", "message": "no", "hint": "", "exit_code": 10})
    first, second = map(json.loads, stdout.getvalue().splitlines())
    assert (first["image"], first["image_b64"]) == ("caf\ufffd.img", "Y2Fm6S5pbWc=")
    assert first["ok"] and first["data"] == {"n": 1}
    assert (second["image"], second["ok"], second["error"]["class"]) == ("b.img", False, "BadImage")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b'["line", "words"]\n',
        b"no json\n",
        b"7\n",
        b'["surprise", 1]\n',
        b'["table"]\n',
        b'["tree", [1]]\n',
        b'["tree", ' + b"[" * 100_000 + b"\n",
        b'["facts", 5, ""]\n',
        b'["document", {"data": 1}]\n',
        b'["end", "x", null, []]\n',
        b'["end", 0, {"class": "X"}, []]\n',
        b'["end", 0, null, null]\n',
    ],
)
@pytest.mark.parametrize("stdout", [io.StringIO, Terminal])
def test_what_is_not_an_answer_is_refused(written: bytes, stdout: type[io.StringIO]) -> None:
    answers = Answers(Output(stdout=stdout(), stderr=io.StringIO()), ["a.img"], marked=True)
    with pytest.raises(OddAnswer):
        answers.show(0, io.BytesIO(written))


def test_what_a_process_writes_cannot_drive_the_terminal() -> None:
    printed = Printed(Terminal(), ["a.img"])
    printed.say(0, Lines(["\x1b]0;title\x07"]), Tree("\x1b[2J"))
    assert "\x1b" not in printed.stdout.getvalue()
