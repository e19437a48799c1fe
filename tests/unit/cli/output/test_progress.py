"""How many images are done: what stands in the line of a terminal, and in the lines for programs."""

from __future__ import annotations

import io
import json

import pytest

from imgtools.cli.output import progress
from imgtools.cli.output.progress import CLEAR_LINE, Count, open_count


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A terminal of a width."""

    def isatty(self) -> bool:
        return True

    def last(self) -> str:
        """What stands there now."""
        return self.getvalue().rpartition(CLEAR_LINE)[2]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def count_to(count: Count, clock: Clock, done: range, each: float, failed: int = 0, kept: int = 0) -> None:
    for number in done:
        clock.now += each
        count.tell(number, failed, kept)


def test_a_terminal_has_bar_done_failed_rate_and_time_left(clock: Clock) -> None:
    terminal = Terminal()
    with open_count("fleet df", 1000, mode="auto", quiet=False, stream=terminal) as count:
        count_to(count, clock, range(1, 20), 0.1)
        assert terminal.getvalue() == "", "nobody has waited yet"
        count_to(count, clock, range(20, 101), 0.5, failed=3)
        assert terminal.last() == "[##------------------] 100 of 1000 images, 3 failed, 2/s, 0:07:30 left"
        count_to(count, clock, range(101, 1001), 0.5)
        assert terminal.last() == "", "at the end it is gone"


def test_what_is_kept_is_done_and_says_nothing_of_the_rate(clock: Clock) -> None:
    terminal = Terminal()
    with open_count("fleet df", 1000, mode="auto", quiet=False, stream=terminal) as count:
        clock.now += 3
        for number in range(1, 901):
            count.tell(number, 0, number)
        assert terminal.last() == "[##################--] 900 of 1000 images"
        count_to(count, clock, range(901, 911), 1, kept=900)
        assert terminal.last() == "[##################--] 910 of 1000 images, 1/s, 0:01:30 left"


def test_no_line_is_wider_than_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(progress, "_width", lambda stream: 25)
    with open_count("fleet df", 1000, mode="auto", quiet=False, stream=terminal) as count:
        count_to(count, clock, range(1, 101), 1, failed=3)
        assert terminal.last() == "100 of 1000 images, 3 fa"


def test_lines_for_programs_have_the_same(clock: Clock) -> None:
    stream = io.StringIO()
    with open_count("fleet df", 4, mode="json", quiet=False, stream=stream) as count:
        count_to(count, clock, range(1, 4), 2, failed=1)
        count.tell(4, 1)
    lines = [json.loads(line)["progress"] for line in stream.getvalue().splitlines()]
    assert lines[0] == {
        "stage": "fleet df", "done": 1, "total": 4, "failed": 1, "rate": None, "seconds_left": None,
    }  # fmt: skip
    assert (lines[2]["rate"], lines[2]["seconds_left"]) == (0.5, 2)
    assert lines[-1]["done"] == 4
