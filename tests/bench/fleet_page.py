"""The page docs/fleet-scale.md, from what was measured: no clock, no process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.figures import format_memory, format_ratio, format_seconds

FLAT = 1.2  # the most that an image may cost in a large fleet, of what it costs in the cheapest
MORE_MEMORY = 4000  # bytes that the client may have more for an image more: its name, and how it is opened
HEAD = """\
<!-- Made by `make fleet-scale`; run it again instead of editing. -->
# What a fleet costs

`imgtools fleet run` on linked clones of two guests, each with a name of its own: *{guests}*.
An image's time is that between the first answer of a run and the last, divided by the answers in it; the whole run
begins before, with the processes that ask. Images are in the page cache. Memory is the client's largest resident set.

The machine:

"""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a fleet."""

    guest: str
    kind: str
    images: int
    workers: int
    seconds: float  # of the whole run, as the shell sees it
    each: float  # seconds of an image, from the first answer to the last
    memory: int  # bytes


@dataclass(frozen=True, slots=True)
class Stub:
    """A run whose workers answer at once."""

    images: int
    seconds: float  # from the first answer to the last
    memory: int  # bytes


@dataclass(frozen=True, slots=True)
class Loop:
    """A program for one image after the other."""

    guest: str
    words: str
    images: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal, and whether it was met."""

    what: str
    measured: str
    goal: str
    met: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """All of it."""

    runs: Sequence[Ran]
    stubs: Sequence[Stub]
    loops: Sequence[Loop]

    def many(self, guest: str, kind: str) -> list[Ran]:
        """The runs with the most workers, by size."""
        found = [one for one in self.runs if (one.guest, one.kind) == (guest, kind)]
        most = max(one.workers for one in found)
        return sorted((one for one in found if one.workers == most), key=lambda one: one.images)


def judge(all_of_it: Measured) -> list[Judged]:
    """Hold what was measured against the goals."""
    judged = []
    for guest, kind in dict.fromkeys((one.guest, one.kind) for one in all_of_it.runs):
        runs = all_of_it.many(guest, kind)
        judged.append(_flat(guest, kind, runs))
        judged += _against_one(all_of_it.runs, runs[-1])
    judged += [_against_loop(loop, all_of_it.many(loop.guest, "inspect")[-1]) for loop in all_of_it.loops]
    first, last = all_of_it.stubs[0], all_of_it.stubs[-1]
    cost = last.seconds / last.images
    more = (last.memory - first.memory) / max(1, last.images - first.images)
    memory = f"{format_memory(first.memory)} to {format_memory(last.memory)}, {more / 1000:.1f} kB an image"
    judged += [
        Judged(
            f"client, scheduler and database, {last.images} stubs",
            f"{cost * 1000:.1f} ms an image",
            "below 10 ms",
            cost < 0.01,
        ),
        Judged(
            f"the client's memory, {first.images} to {last.images} stubs",
            memory,
            f"at most {MORE_MEMORY / 1000:g} kB an image",
            more <= MORE_MEMORY,
        ),
    ]
    return judged


def _flat(guest: str, kind: str, runs: Sequence[Ran]) -> Judged:
    times = runs[-1].each / min(one.each for one in runs)
    what = f"{kind}, {guest}: an image of {runs[-1].images}, of one in the cheapest run"
    return Judged(what, f"{format_ratio(times)} times", f"at most {FLAT:g} times", times <= FLAT)


def _against_one(runs: Sequence[Ran], many: Ran) -> list[Judged]:
    alone = [one for one in runs if (one.guest, one.kind, one.images) == (many.guest, many.kind, many.images)]
    found = [one for one in alone if one.workers == 1 < many.workers]
    return [
        Judged(
            f"{many.kind}, {many.guest}: {many.workers} workers for {many.images} images, of one",
            f"{format_ratio(one.each / many.each)} times the images a second",
            "at least 1.9 times",
            one.each / many.each >= 1.9,
        )
        for one in found
    ]


def _against_loop(loop: Loop, run: Ran) -> Judged:
    times = loop.seconds / loop.images / (run.seconds / run.images)
    goal = 50 if loop.words.startswith("virt") else 3
    what = f"inspect, {loop.guest}: {run.images} images, of `{loop.words}` in a loop of {loop.images}"
    return Judged(
        what, f"{format_ratio(times)} times the images a second", f"at least {goal} times", times >= goal
    )


def write_page(all_of_it: Measured, facts: Sequence[tuple[str, str]]) -> str:
    """The whole page."""
    guests = "*, *".join(dict.fromkeys(one.guest for one in all_of_it.runs))
    judged = judge(all_of_it)
    parts = [
        HEAD.format(guests=guests) + "\n".join(f"- {name}: {value}" for name, value in facts),
        "\n## Goals\n",
        _table(
            ("What", "Measured", "Goal", "Verdict"),
            [(one.what, one.measured, one.goal, "met" if one.met else "**missed**") for one in judged],
        ),
        "\n## Runs\n",
        _table(
            ("Guest", "Question", "Images", "Workers", "Whole run", "An image", "Memory"),
            [
                (
                    one.guest, one.kind, str(one.images), str(one.workers), f"{format_seconds(one.seconds)} s",
                    f"{format_seconds(one.each)} s", format_memory(one.memory),
                )
                for one in all_of_it.runs
            ],
        ),
        "\n## Stubs and loops\n",
        _table(
            ("What", "Images", "Seconds", "Memory"),
            [
                *(
                    ("stub", str(one.images), format_seconds(one.seconds), format_memory(one.memory))
                    for one in all_of_it.stubs
                ),
                *(
                    (f"`{one.words}`, {one.guest}", str(one.images), format_seconds(one.seconds), "")
                    for one in all_of_it.loops
                ),
            ],
        ),
        f"\n{sum(one.met for one in judged)} of {len(judged)} goals met.",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
