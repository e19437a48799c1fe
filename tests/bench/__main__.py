"""Compare imgtools with its peers and write docs/benchmarks.md: `python -m tests.bench --rounds 3`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import images
from tests.bench.cases import CASES, Case
from tests.bench.figures import Result, Sample, format_row
from tests.bench.kept import Kept
from tests.bench.machine import facts
from tests.bench.measure import CommandFailed, peak_memory, time_command
from tests.bench.page import write_page
from tests.bench.parts import describe_parts, measure_parts

ROOT = Path(__file__).resolve().parents[2]
QUICK = 2.0  # seconds: a command quicker than this is run several times in a round
TIMES = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each pair is run (default 3)")
    parser.add_argument(
        "--only", metavar="TEXT", help="only cases whose name or group holds this; nothing is written"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep results there; a cut run goes on")
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.only or options.only in f"{case.group} {case.name}"]
    kept = Kept(options.keep)
    results, failed = [], []
    with tempfile.TemporaryDirectory(prefix="imgtools-bench-") as scratch:
        warm_up([case for case in chosen if not kept.known(case)], Path(scratch))
        for case in chosen:
            try:
                result = kept.known(case) or kept.keep(run_case(case, options.rounds, Path(scratch)))
                results.append((case.group, result))
            except CommandFailed as error:
                failed.append(case.name)
                say(f"{case.name}: FAILED: {error}")
        parts = () if options.only else _parts(Path(scratch))
    page = write_page(results, facts(), options.rounds, parts)
    if options.only or failed:
        sys.stdout.write(page)
    else:
        (ROOT / "docs" / "benchmarks.md").write_text(page, encoding="utf-8")
        say("docs/benchmarks.md is written")
    return 1 if failed else 0


def _parts(scratch: Path) -> Sequence[str]:
    """What a command is made of; the guest that it is asked of is not built for less."""
    return describe_parts(measure_parts(images.ready("real", scratch), environment()))


def environment() -> dict[str, str]:
    """The same for both sides. TCG is forced, so that the peers work where KVM is there but broken."""
    ours = ("IMGTOOLS_", "LIBGUESTFS_", "PYTHONDONTWRITEBYTECODE")
    env = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    env["PATH"] = f"{Path(sys.executable).parent}:{env.get('PATH', '')}"
    return env | {
        "LC_ALL": "C.UTF-8",
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg",
    }


def warm_up(cases: Sequence[Case], scratch: Path) -> None:
    """Let libguestfs build its appliance, once, before anything is timed; make the images that are not there."""
    say("warming up: images and the appliance")
    images.make_trees(scratch)
    for name in {case.image for case in cases} | set(images.SIZES):
        images.warm(images.ready(name, scratch))
    time_command(["guestfish", "-a", "/dev/null", "run"], environment())


def run_case(case: Case, rounds: int, scratch: Path) -> Result:
    """Run both sides in turn, so that a busy minute hits both; the memory of each is taken in one run more."""
    ours = Side(case, case.ours, case.before_ours, scratch)
    peer = Side(case, case.peer, case.before_peer, scratch) if case.peer else None
    for _ in range(rounds):
        ours.run()
        if peer:
            peer.run()
    if peer and not case.check(ours.output, peer.output):
        raise CommandFailed(f"{case.name}: the two sides do not answer the same")
    result = Result(
        case.name, case.ours, case.peer, case.goal, ours.sample(), peer.sample() if peer else None
    )
    say(f"{case.name}: {format_row(result)}")
    return result


class Side:
    """One command of a case with what it has taken so far."""

    def __init__(self, case: Case, words: str, before: Sequence[str], scratch: Path) -> None:
        self.case, self.words, self.before, self.scratch = case, words, before, scratch
        self.seconds: list[float] = []
        self.output = b""
        self.memory = 0

    def run(self) -> None:
        """One round: the command once, or several times if it is quick and changes nothing."""
        self._once()
        while not self.case.writes and self.seconds[-1] < QUICK and len(self.seconds) % TIMES:
            self._once()

    def _once(self) -> None:
        run = time_command(self._prepare(), environment())
        self.seconds.append(run.seconds)
        self.output, self.memory = run.output, run.memory

    def sample(self) -> Sample:
        """What was measured, and the memory: of one run more, or of the last one if it took long."""
        return Sample(tuple(self.seconds), self.memory or peak_memory(self._prepare(), environment()))

    def _prepare(self) -> list[str]:
        """Make what the command needs, untimed, and return its words."""
        image, output = images.ready(self.case.image, self.scratch), self.scratch / "output"
        if self.case.writes:
            copy = self.scratch / f"copy{image.suffix}"
            copy.unlink(missing_ok=True)
            images.copy(image, copy)
            image = copy
        output.unlink(missing_ok=True)
        places = {"image": str(image), "output": str(output), "folder": str(self.scratch)}
        for words in self.before:
            time_command(split(words, places), environment())
        return split(self.words, places)


def split(words: str, places: Mapping[str, str]) -> list[str]:
    """The words of a command line, a backslash being one; places are put in afterwards."""
    lexer = shlex.shlex(words, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    return [word.format_map(places) for word in lexer]


def say(text: str) -> None:
    """Progress, for who waits."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
