"""Change the code in small ways, one at a time, and see whether its unit tests notice: `make mutants`.

    python -m tools.mutants [ROOM ...] [--tenths N] [--write]

mutmut makes the changes, in a copy of what git knows of the checkout. ``--tenths`` tries only so many tenths of them,
always the same. ``--write`` puts the scores into docs/testing.md. What survives is printed as a difference.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PAGE = CHECKOUT / "docs" / "testing.md"
ALL = 10  # tenths
MOST_MEMORY = 3 << 30  # bytes of one process
# Which tenths of the changes come first: mutmut numbers those of one function from front to back.
ORDER = "3704815926"
# A text that people read may be another; whether it says what it should is asked by tests of its words.
LEFT_OUT = (r"^\s*hint=", r"__all__")


@dataclass(frozen=True, slots=True)
class Room:
    """Modules, and the unit tests that have to notice what is changed in them. Paths without their first folder."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS = (
    Room("disk/backing", ("disk/backing.py",), ("disk/test_backing_rules.py", "disk/test_backing.py")),
    Room(
        "disk/transaction/transaction",
        ("disk/transaction/transaction.py",),
        ("disk/transaction/test_transaction.py",),
    ),
    Room("disk/transaction/marker", ("disk/transaction/marker.py",), ("disk/transaction/test_marker.py",)),
    Room("change/unpack", ("change/unpack.py",), ("change/test_unpack.py",)),
    Room("filesystems/ext/reader", ("filesystems/ext/reader.py",), ("filesystems/ext/test_structures.py",)),
    Room("filesystems/ext/inode", ("filesystems/ext/inode.py",), ("filesystems/ext/test_inode.py",)),
    Room("guest/find/fstab", ("guest/find/fstab.py",), ("guest/find/test_fstab.py",)),
    Room("ops/shelf_plan", ("ops/shelf_plan.py",), ("ops/test_shelf_plan.py",)),
    Room("ops/common_plans", ("ops/common_plans.py",), ("ops/test_common_plans.py",)),
    Room("ops/sysprep", ("ops/sysprep/*.py",), ("ops/sysprep",)),
)


@dataclass(frozen=True, slots=True)
class Score:
    """What became of the changes in one room."""

    room: Room
    of: int  # all changes that can be made
    tried: int
    noticed: int
    seconds: float

    @property
    def row(self) -> str:
        """Its row in the table of the page."""
        share = f"{100 * self.noticed / self.tried:.0f} %" if self.tried else "-"
        how = "all" if self.tried == self.of else "a sample"
        return f"| `{self.room.name}` | {self.of} | {self.tried} ({how}) | {self.noticed} | {share} |"


def run(room: Room, tenths: int, jobs: int) -> Score:
    """Try the changes in one room, print those that nothing noticed, and count."""
    with tempfile.TemporaryDirectory(prefix="imgtools-mutants-") as name:
        place = Path(name)
        _copy_checkout(place)
        with (place / "pyproject.toml").open("a", encoding="utf-8") as stream:
            stream.write(_configuration(room))
        wanted = [] if tenths == ALL else [f"*__mutmut_*[{ORDER[:tenths]}]"]
        began = time.monotonic()
        _mutmut(place, "run", "--max-children", str(jobs), *wanted)
        seconds = time.monotonic() - began
        became = dict(_results(place))
        for one, fate in became.items():
            if fate in ("survived", "no tests"):
                _say(f"{fate}: {_mutmut(place, 'show', one)}")
    fates = Counter(became.values())
    tried = sum(fates.values()) - fates["not checked"]
    return Score(room, len(became), tried, tried - fates["survived"] - fates["no tests"], seconds)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _copy_checkout(place: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True)
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (CHECKOUT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, place / name)


def _configuration(room: Room) -> str:
    def listed(words: Sequence[str]) -> str:
        return "[" + ", ".join(f"'{word}'" for word in words) + "]"

    return f"""
[tool.mutmut]
source_paths = ['imgtools']
also_copy = ['fixtures', 'tools', 'docs']
only_mutate = {listed([f"imgtools/{module}" for module in room.modules])}
do_not_mutate_patterns = {listed(LEFT_OUT)}
pytest_add_cli_args_test_selection = {listed([f"tests/unit/{test}" for test in room.tests])}
"""


def _mutmut(place: Path, *words: str) -> str:
    """Run mutmut in the copy; CI makes hypothesis try the same examples each time.

    A change may make a loop that never ends and gathers memory: that it gets no more of is what ends it.
    """
    argv = ["prlimit", f"--as={MOST_MEMORY}", sys.executable, "-m", "mutmut", *words]
    done = subprocess.run(
        argv, cwd=place, capture_output=True, text=True, check=False, env={**os.environ, "CI": "true"}
    )
    if done.returncode:
        raise SystemExit(f"mutmut {words[0]} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def _results(place: Path) -> Iterator[tuple[str, str]]:
    """Yield every change and what became of it."""
    for line in _mutmut(place, "results", "--all", "true").splitlines():
        if found := re.fullmatch(r"\s*(\S+__mutmut_\d+): (.+)", line):
            yield found[1], found[2]


def write_scores(scores: Sequence[Score]) -> None:
    """Put the rows into the page, in the place of those of the same rooms."""
    text = PAGE.read_text(encoding="utf-8")
    for score in scores:
        text = re.sub(rf"^\| `{score.room.name}` \|.*$", score.row, text, flags=re.MULTILINE)
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """Try the rooms that are named, else all."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    names = [room.name for room in ROOMS]
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of {', '.join(names)}; else all")
    parser.add_argument("--tenths", type=int, choices=range(1, ALL + 1), default=ALL, help="how many to try")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--write", action="store_true", help="put the scores into docs/testing.md")
    chosen = parser.parse_args()
    if unknown := set(chosen.rooms) - set(names):
        parser.error(f"no such room: {', '.join(sorted(unknown))}")
    scores = []
    for room in ROOMS:
        if not chosen.rooms or room.name in chosen.rooms:
            scores.append(run(room, chosen.tenths, chosen.jobs))
            _say(f"{scores[-1].row} {scores[-1].seconds:.0f} s")
    if chosen.write:
        write_scores(scores)


if __name__ == "__main__":
    main()
