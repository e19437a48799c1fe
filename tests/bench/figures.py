"""From measured runs to a table: medians, ratios, spread, and whether each goal is met. No clock, no process."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MEMORY_GOAL = 150_000_000  # bytes: what a reading command may use at its peak


class Kind(StrEnum):
    """What a goal's number means."""

    FASTER = "faster"  # at least so many times faster than the peer
    WITHIN = "within"  # at most so many times the peer's time
    SECONDS = "seconds"  # at most so many seconds; there is no peer


@dataclass(frozen=True, slots=True)
class Goal:
    """What one case has to reach."""

    kind: Kind
    number: float
    memory: int | None = MEMORY_GOAL  # bytes; None: memory is shown, and judged by nobody

    def __str__(self) -> str:
        words = {
            Kind.FASTER: f"{self.number:g} times faster",
            Kind.WITHIN: f"within {self.number:g} times",
            Kind.SECONDS: f"within {self.number:g} s",
        }
        return words[self.kind]


@dataclass(frozen=True, slots=True)
class Sample:
    """All runs of one command: seconds of each, and the peak memory in bytes of one run more."""

    seconds: tuple[float, ...]
    memory: int

    @property
    def median(self) -> float:
        """The middle run, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """How far the runs lie apart: slowest less fastest, as a part of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median if self.median else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """One case, measured. `peer` is None where the goal is in seconds."""

    name: str
    ours_words: str
    peer_words: str
    goal: Goal
    ours: Sample
    peer: Sample | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster we are (FASTER), or how many times the peer's time we take (WITHIN)."""
        if self.peer is None:
            return None
        times = self.peer.median / self.ours.median
        return times if self.goal.kind is Kind.FASTER else 1 / times

    @property
    def in_time(self) -> bool:
        """Whether the goal for time is met."""
        if self.goal.kind is Kind.SECONDS or self.ratio is None:
            return self.ours.median <= self.goal.number
        return (
            self.ratio >= self.goal.number
            if self.goal.kind is Kind.FASTER
            else self.ratio <= self.goal.number
        )

    @property
    def in_memory(self) -> bool:
        """Whether the goal for memory is met."""
        return self.goal.memory is None or self.ours.memory <= self.goal.memory

    @property
    def verdict(self) -> str:
        """`met`, or what was missed."""
        missed = [word for word, met in (("time", self.in_time), ("memory", self.in_memory)) if not met]
        return f"**missed: {' and '.join(missed)}**" if missed else "met"


def format_row(result: Result) -> str:
    """A result in one line, for who waits."""
    return ", ".join(part for part in _row(result)[1:] if part)


COLUMNS = ("Case", "imgtools", "Peer", "Ratio", "Goal", "Memory", "Peer's memory", "Verdict")


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table, one line a case."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(result) for result in results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> tuple[str, ...]:
    ratio = "" if result.ratio is None else f"{format_ratio(result.ratio)} times"
    return (
        result.name,
        format_sample(result.ours),
        format_sample(result.peer) if result.peer else "",
        f"{ratio} faster" if ratio and result.goal.kind is Kind.FASTER else ratio,
        str(result.goal),
        format_memory(result.ours.memory),
        format_memory(result.peer.memory) if result.peer else "",
        result.verdict,
    )


def format_sample(sample: Sample) -> str:
    """The median in seconds and the spread: `32.5 s ±3 %`."""
    return f"{format_seconds(sample.median)} s ±{sample.spread * 50:.0f} %"


def format_seconds(seconds: float) -> str:
    """Three digits that mean something: 0.214, 3.25, 32.5, 167."""
    digits = 3 if seconds < 1 else 2 if seconds < 10 else 1 if seconds < 100 else 0
    return f"{seconds:.{digits}f}"


def format_ratio(ratio: float) -> str:
    """A ratio with the digits that two cores and a few rounds can tell."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}"


def format_memory(memory: int) -> str:
    """Bytes as MB, which are millions."""
    return f"{memory / 1e6:.0f} MB"
