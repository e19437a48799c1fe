"""The disk before and after, as imgtools resize draws it on a terminal."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tools.terminal import WIDTH, run_on_terminal


def bars_of(line: str, folder: Path) -> dict[str, tuple[list[str], str]]:
    """The bars of a plan, by their words: the names above each, and the bar."""
    lines = run_on_terminal(line, folder).text.splitlines()
    places = [number for number, one in enumerate(lines) if one.startswith(("before [", "after  ["))]
    return {lines[n].split()[0]: (lines[n - 1].split(), lines[n].partition("[")[2][:-1]) for n in places}


def test_plan_in_place_has_the_disk_before_and_after(tmp_path: Path) -> None:
    words = f"resize {fixture_image('mbr-logical')} +256M --expand auto"
    bars = bars_of(f"imgtools {words}", tmp_path)
    assert [bars[word][0] for word in ("before", "after")] == [["1", "5", "6", "7"]] * 2
    before, after = (bars[word][1] for word in ("before", "after"))
    assert len(after) == WIDTH - 2 - len("before []") and abs(len(before) / len(after) - 2 / 3) < 0.05
    shares = [[len(part) for part in bar.split("|")] for bar in (before, after)]
    assert shares[1][-1] > 2 * shares[0][-1] and abs(shares[1][0] - shares[0][0]) <= 1
    assert "before" not in imgtools(*words.split()).out


def test_room_that_no_partition_gets_is_blank(tmp_path: Path) -> None:
    names, after = bars_of(f"imgtools resize {fixture_image('debian')} +1G", tmp_path)["after"]
    assert names == ["1", "2", "3", "4"] and after.endswith("|" + " " * (len(after) // 2 - 2))


def test_a_copy_shows_the_numbers_and_places_of_the_new_disk(tmp_path: Path) -> None:
    line = f"imgtools resize {fixture_image('debian')} --copy new.raw --delete 2 --expand /dev/sda3"
    bars = bars_of(line, tmp_path)
    assert bars["before"][0] == ["1", "2", "3", "4"] and bars["after"][0] == ["1", "3", "4"]
    assert not list(tmp_path.iterdir())
