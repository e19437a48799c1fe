"""An answer comes from a process that has read a guest's bytes: it is what it should be, or it is odd."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from imgtools.fleet.kind import Kind, Moment, Table
from imgtools.fleet.work import LARGEST, OddAnswer, read_answer


class Row(NamedTuple):
    """A row with a column of each type."""

    name: str
    size: int
    part: float
    old: bool
    seen: Moment | None


KIND = Kind(ask=lambda request: None, rows=lambda report: (), tables={"rows": Table(Row, ("name",))})
GOOD = ["a", 1, 0.5, True, None]


def whole(**more: Any) -> bytes:
    facts = {"code": 0, "error": None, "warnings": [], "rows": {"rows": [GOOD]}, "seconds": 1.5}
    return json.dumps({**facts, **more}).encode()


def test_an_answer_is_read() -> None:
    found = read_answer(whole(warnings=[["text", "/path"]]), KIND, host="h")
    assert (found.exit_code, found.failure, found.warnings) == (0, None, (("text", "/path"),))
    assert (found.rows, found.seconds, found.host) == ({"rows": [GOOD]}, 1.5, "h")


def test_what_no_database_holds_is_put_right() -> None:
    row = ["a\0b\udcff", 1 << 70, 1, False, -(1 << 80)]
    ((name, size, part, old, seen),) = read_answer(whole(rows={"rows": [row]}), KIND, host="").rows["rows"]
    assert name == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert (size, part, old, seen) == (LARGEST, 1.0, False, -LARGEST)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[]",
        b"{}",
        b"[" * 100_000,
        whole(code=-1),
        whole(code="0"),
        whole(code=256),
        whole(seconds=float("nan")),
        whole(warnings=[["text"]]),
        whole(warnings=[[1, 2]]),
        whole(error={"error": "x"}),
        whole(rows={"others": []}),
        whole(rows={"rows": [[]]}),
        whole(rows={"rows": [[*GOOD, 1]]}),
        whole(rows={"rows": [[1, 1, 0.5, True, None]]}),
        whole(rows={"rows": [["a", True, 0.5, True, None]]}),
        whole(rows={"rows": [["a", 1, "x", True, None]]}),
        whole(rows={"rows": [["a", 1, 0.5, 1, None]]}),
        whole(rows={"rows": [[None, 1, 0.5, True, None]]}),
        whole(rows={"rows": [["a", {}, 0.5, True, None]]}),
    ],
)
def test_what_is_not_an_answer_is_odd(content: bytes) -> None:
    with pytest.raises(OddAnswer):
        read_answer(content, KIND, host="")
