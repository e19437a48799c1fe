"""``audit --oscap``: its options, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from imgtools.cli.output.views import Column, Lines, Table
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.scap import ScapRule
    from imgtools.workflows.audit_oscap import OscapReport

Oscap = Annotated[
    Path | None,
    typer.Option("--oscap", metavar="DATASTREAM", help="By OpenSCAP and this content; --profile says which."),
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="PROFILE", help="With --oscap: the profile of the content.")
]
OscapResults = Annotated[
    Path | None,
    typer.Option("--oscap-results", metavar="FILE", help="With --oscap: also write the results (ARF, XML)."),
]
OscapReportFile = Annotated[
    Path | None,
    typer.Option("--oscap-report", metavar="FILE", help="With --oscap: also write OpenSCAP's report (HTML)."),
]


class OscapAsked(NamedTuple):
    """What was asked of OpenSCAP, as typed."""

    content: Path | None
    profile: str | None
    results: Path | None
    report: Path | None

    def refuse(self, given: Mapping[str, object]) -> bool:
        """Return whether OpenSCAP is asked at all.

        :param given: options of our own checks by name, and whether they were given.
        :raises UsageError: words do not go together.
        """
        ours = {
            "--profile": self.profile,
            "--oscap-results": self.results,
            "--oscap-report": self.report,
        }
        if self.content is None:
            for name, value in ours.items():
                if value is not None:
                    raise UsageError(f"{name} goes with --oscap only", hint="--oscap names the content")
            return False
        for name, is_given in given.items():
            if is_given:
                raise UsageError(f"{name} does not go with --oscap", hint="it is about our own checks")
        if self.profile is None:
            raise UsageError("--oscap needs --profile", hint=f"oscap info {self.content} lists them")
        return True


def oscap_rows(report: OscapReport) -> Table:
    """A row a rule, for a pipe."""
    rows = [(one.id, one.severity, one.result, one.title, one.reason) for one in report.rules]
    return Table(("Rule", "Severity", "Result", Column("What", prose=True), Column("Why", prose=True)), rows)


def oscap_view(report: OscapReport, *, verbose: bool) -> Lines:
    """What failed, or with ``verbose`` every rule, and how many ended how."""
    return Lines(list(_lines(report, verbose=verbose)))


def _lines(report: OscapReport, *, verbose: bool) -> Iterator[str]:
    yield f"{report.guest} on {report.root}, {report.profile.title or report.profile.id}"
    yield ""
    for one in report.rules:
        if verbose or one.result in ("fail", "error"):
            yield from _told(one, verbose=verbose)
    if report.offline:
        yield f"  not decidable offline: what asks for {', '.join(report.offline)}"
    count = report.counts
    yield ""
    yield (
        f"{count.failed} of {len(report.rules)} rules fail, {count.passed} pass,"
        f" {count.undecided} cannot be decided offline, {count.not_applicable} do not apply,"
        f" {count.errors} met an error."
    )


def _told(one: ScapRule, *, verbose: bool) -> Iterator[str]:
    why = f" [{one.reason}]" if one.reason else ""
    yield f"  {one.result:<8}  {one.severity:<8}  {one.title}{why}"
    if verbose:
        yield f"              {one.id}"
        if numbers := (*one.idents, *one.references):
            yield f"              see {', '.join(numbers)}"
