"""``--report FILE``: what a command has found, also written into files for people and other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.output.output import Output
from imgtools.records.request import ImageRequest

ReportFiles = Annotated[
    list[Path] | None,
    typer.Option("--report", metavar="FILE", help="Also write it into FILE, by its name: .html and others."),
]
# Given the image, what makes each kind of report, and the command's way to speak, writes the reports.
WriteReports = Callable[[ImageRequest, Callable[[], Mapping[str, Callable[[], str]]], Output], None]


def require_reports(paths: Sequence[Path] | None, kinds: Sequence[str]) -> WriteReports:
    """Refuse reports that cannot be written, before any work is done; return what writes them.

    :raises UsageError: a name does not say what kind of report it is.
    :raises TargetExists: there is a file that is no earlier report.
    """
    if not paths:
        return lambda request, writers, out: None
    from imgtools.reports.report_file import check_report_files, write_reports

    check_report_files(paths, kinds)

    def write(
        request: ImageRequest, writers: Callable[[], Mapping[str, Callable[[], str]]], out: Output
    ) -> None:
        write_reports(request, paths, writers())
        out.note(f"The report is in {', '.join(map(str, paths))}.")

    return write
