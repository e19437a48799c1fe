"""Whether the tables of an image are in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table
from imgtools.workflows.check import CheckReport, check


class ConsistencyRow(NamedTuple):
    """An image as its checker finds it; ``problem``: what reading it would stop at."""

    disk: str
    format: str
    clean: bool
    corruptions: int
    leaks: int
    unchecked: int
    problem: str
    file_end: int  # bytes: where the last cluster in use ends
    total_clusters: int
    allocated_clusters: int
    fragmented_clusters: int
    compressed_clusters: int


class ComplaintRow(NamedTuple):
    """What the checker says of one fault; of many, the last ones."""

    disk: str
    text: str


def _rows(report: CheckReport) -> Iterator[tuple[Any, ...]]:
    found = report.found
    yield ConsistencyRow(
        disk=report.image,
        format=report.format,
        clean=report.clean,
        corruptions=found.corruptions,
        leaks=found.leaks,
        unchecked=found.errors,
        problem=report.problem,
        file_end=found.end,
        total_clusters=found.total_clusters,
        allocated_clusters=found.allocated_clusters,
        fragmented_clusters=found.fragmented_clusters,
        compressed_clusters=found.compressed_clusters,
    )
    for text in found.complaints:
        yield ComplaintRow(report.image, text)


KIND = Kind(
    ask=check,
    rows=_rows,
    code=lambda report: int(not report.clean),
    tables={
        "consistency": Table(ConsistencyRow, ("disk",)),
        "complaints": Table(ComplaintRow, ("disk", "text")),
    },
)
