"""How full every filesystem is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.fleet.kind import Kind, Table, row_of
from imgtools.workflows.df import DfReport, measure_usage


class Usage(NamedTuple):
    """A filesystem. Sizes are bytes; where it cannot be read there are none, and ``problem`` says why."""

    device: str
    content: str
    label: str
    uuid: str
    size: int | None
    used: int | None
    available: int | None
    use_percent: float | None
    inodes: int | None
    inodes_used: int | None
    inodes_free: int | None
    problem: str


def _rows(report: DfReport) -> Iterator[Usage]:
    for image in report.images:
        for row in image.filesystems:
            yield row_of(Usage, row, problem="")
        for lost in image.unread:
            yield Usage(
                lost.device, lost.content, lost.label, lost.uuid, None, None, None, None, None, None, None,
                lost.problem,
            )  # fmt: skip


KIND = Kind(ask=measure_usage, rows=_rows, tables={"usage": Table(Usage, ("device",))})
