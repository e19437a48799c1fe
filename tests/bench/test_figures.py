"""The benchmark's own arithmetic: what it calls met must be met, and what it prints must be what was measured."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.cases import CASES
from tests.bench.figures import Goal, Kind, Result, Sample, format_ratio, format_sample, format_seconds, table
from tests.bench.kept import Kept
from tests.bench.measure import CommandFailed, peak_memory, time_command
from tests.bench.page import write_page

MB = 1_000_000


def result(kind: Kind, number: float, ours: float, peer: float | None, memory: int = 50 * MB) -> Result:
    """A result with these medians."""
    other = None if peer is None else Sample((peer, peer, peer), 400 * MB)
    return Result(
        "case", "imgtools x", "virt-x", Goal(kind, number), Sample((ours, ours, ours), memory), other
    )


def test_median_is_not_moved_by_one_slow_run() -> None:
    sample = Sample((0.2, 9.0, 0.3), 0)
    assert sample.median == 0.3
    assert sample.spread == pytest.approx(8.8 / 0.3)


@pytest.mark.parametrize(
    ("kind", "number", "ours", "peer", "met"),
    [
        (Kind.FASTER, 40, 0.5, 20.0, True),
        (Kind.FASTER, 40, 0.5, 19.9, False),
        (Kind.WITHIN, 1.03, 1.03, 1.0, True),
        (Kind.WITHIN, 1.03, 1.04, 1.0, False),
        (Kind.WITHIN, 1.03, 0.5, 1.0, True),
        (Kind.SECONDS, 0.3, 0.3, None, True),
        (Kind.SECONDS, 0.3, 0.31, None, False),
    ],
)
def test_goal_for_time(kind: Kind, number: float, ours: float, peer: float | None, met: bool) -> None:
    assert result(kind, number, ours, peer).in_time is met


def test_memory_is_judged_beside_time() -> None:
    heavy = result(Kind.FASTER, 10, 1.0, 30.0, memory=151 * MB)
    assert heavy.in_time
    assert heavy.verdict == "**missed: memory**"
    assert result(Kind.FASTER, 40, 1.0, 30.0, memory=151 * MB).verdict == "**missed: time and memory**"


def test_memory_without_a_goal_is_only_shown() -> None:
    goal = Goal(Kind.FASTER, 2, memory=None)
    boots = Result("case", "a", "b", goal, Sample((10.0,), 900 * MB), Sample((30.0,), 900 * MB))
    assert boots.verdict == "met"
    assert "900 MB" in table([boots])


def test_ratio_reads_in_the_direction_of_the_goal() -> None:
    assert result(Kind.FASTER, 40, 0.5, 30.0).ratio == 60
    assert result(Kind.WITHIN, 1.2, 1.1, 1.0).ratio == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2144, "0.214"), (3.249, "3.25"), (32.54, "32.5"), (166.9, "167"), (0.0, "0.000")]
)
def test_seconds_keep_the_digits_that_mean_something(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_ratio_of_small_numbers_keeps_two_digits() -> None:
    assert (format_ratio(1.026), format_ratio(153.4)) == ("1.03", "153")


def test_sample_shows_median_and_spread() -> None:
    assert format_sample(Sample((30.0, 32.0, 33.6), 0)) == "32.0 s ±6 %"


def test_page_has_a_line_for_each_case_and_counts_what_was_met() -> None:
    results = [
        ("Reading", result(Kind.FASTER, 40, 0.5, 30.0)),
        ("Reading", result(Kind.FASTER, 40, 5.0, 30.0)),
    ]
    page = write_page(results, [("memory", "8 GiB")], 3)
    assert page.count("\n| case |") == 2
    assert "60 times faster" in page
    assert page.endswith("1 of 2 goals met.\n")


def test_a_command_that_fails_gives_no_figure() -> None:
    with pytest.raises(CommandFailed, match="ended with 3: no such image"):
        time_command([sys.executable, "-c", "import sys; sys.stderr.write('no such image'); sys.exit(3)"], {})


def test_memory_of_a_daemon_counts() -> None:
    """A grandchild whose parent has ended holds 80 MB: an appliance or a qemu-nbd that was forked off."""
    program = (
        "import os, time\n"
        "told, tell = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x') * 80_000_000\n"
        "        os.write(tell, b'.')\n"
        "        time.sleep(2)\n"
        "    os._exit(0)\n"
        "os.read(told, 1)\n"
        "time.sleep(0.3)\n"
    )
    assert peak_memory([sys.executable, "-c", program], {}) > 80 * MB


def test_every_case_says_what_it_needs() -> None:
    for case in CASES:
        assert bool(case.peer) != (case.goal.kind is Kind.SECONDS), (
            f"{case.name}: a peer, or a goal in seconds"
        )
        assert case.ours.startswith(("imgtools ", "sh -c 'imgtools "))
    assert len({case.name for case in CASES}) == len(CASES)


def test_what_is_kept_is_known_until_its_case_changes(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.peer)
    measured = Result(case.name, case.ours, case.peer, case.goal, Sample((0.25, 0.5), 7), Sample((20.0,), 8))
    assert Kept(tmp_path / "rows").known(case) is None
    assert Kept(tmp_path / "rows").keep(measured) is measured
    assert Kept(tmp_path / "rows").known(case) == measured
    assert Kept(tmp_path / "rows").known(replace(case, ours=f"{case.ours} -v")) is None
    assert Kept(None).known(case) is None
