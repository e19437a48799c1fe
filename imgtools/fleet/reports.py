"""What a fleet's commands report: plain records, there without the libraries that make them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgtools.records.many import Reason


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """What became of one image; ``kept``: it is as it was when it was asked before."""

    image: str
    ok: bool
    kept: bool
    exit_code: int
    error: str
    message: str
    hint: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run went; ``failed`` counts what was asked in it and has no answer.

    ``dashboard`` is where Dask showed what went on, "" if nowhere; ``tables`` are those that were written as Parquet.
    """

    run: int
    kind: str
    database: str
    images: int
    asked: int
    kept: int
    failed: int
    seconds: float
    reasons: tuple[Reason, ...]
    dashboard: str = ""
    tables: tuple[ExportedTable, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or 1 if an image has no answer."""
        return int(self.failed > 0)


@dataclass(frozen=True, slots=True)
class QueryReport:
    """What a query found: the names of the columns, and the rows."""

    database: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]  # Any: what a database holds


@dataclass(frozen=True, slots=True)
class FleetChange:
    """One thing that is not as it was.

    ``what`` is new, gone, or changed; of an image itself also failed or answered. ``table`` is where the row is, "" for
    the image itself, ``key`` which row, ``column`` what of it changed, from ``old`` to ``new``.
    """

    image: str
    what: str
    table: str = ""
    key: str = ""
    column: str = ""
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, slots=True)
class ChangesReport:
    """What changed from run ``first`` to run ``second``, by image."""

    database: str
    kind: str
    first: int
    second: int
    changes: tuple[FleetChange, ...]


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """A table and the file that it was written into."""

    table: str
    host_path: Path
    rows: int


@dataclass(frozen=True, slots=True)
class ExportedMetrics:
    """The file of metrics that was written: how many there are, and how many series of them."""

    host_path: Path
    metrics: int
    series: int


@dataclass(frozen=True, slots=True)
class FleetExport:
    """What was written; ``folder`` is that of Parquet, None where none was asked for, as ``metrics``."""

    database: str
    folder: Path | None
    tables: tuple[ExportedTable, ...]
    metrics: ExportedMetrics | None = None


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A section of a page about a fleet; ``note`` says what fills it where its question was never asked."""

    title: str
    rows: int
    note: str


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The page that was written; ``sound``: nothing in it stands out, else ``verdict`` says what does."""

    database: str
    host_path: Path
    verdict: str
    sound: bool
    sections: tuple[ReportSection, ...]
