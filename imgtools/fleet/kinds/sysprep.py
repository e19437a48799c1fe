"""Whether guests are fit to be cloned, as ``imgtools sysprep --verify`` tells; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Table
from imgtools.workflows.sysprep import VerifyReport, verify


class TemplateRow(NamedTuple):
    """A guest as a template; ``complete``: no bound of time or memory ended the search for traces."""

    root: str
    guest: str
    fit: bool
    operations_left: int  # those that still find something
    traces: int
    identities: int  # how many were searched for
    files: int
    bytes_read: int
    passed_over: int
    complete: bool | None


class LeftoverRow(NamedTuple):
    """What an operation would still change."""

    root: str
    operation: str
    change: str
    path: str
    text: str


class MachineTrace(NamedTuple):
    """Something that tells of the machine that the guest was; ``reason``: why it may stay."""

    root: str
    kind: str
    text: str
    path: str
    in_name: bool
    stays: bool
    reason: str


def _rows(report: VerifyReport) -> Iterator[tuple[Any, ...]]:
    yield _template(report)
    for operation in report.left:
        for change in operation.changes:
            yield LeftoverRow(report.root, operation.name, change.kind, change.path, change.summary)
    for stays, traces in ((False, report.traces), (True, report.stays)):
        for one in traces:
            yield MachineTrace(report.root, one.kind, one.text, one.path, one.in_name, stays, one.reason)


def _template(report: VerifyReport) -> TemplateRow:
    searched = report.searched
    return TemplateRow(
        root=report.root,
        guest=report.guest,
        fit=report.fit,
        operations_left=len(report.left),
        traces=len(report.traces),
        identities=searched.identities if searched else 0,
        files=searched.files if searched else 0,
        bytes_read=searched.size if searched else 0,
        passed_over=searched.passed_over if searched else 0,
        complete=searched.complete if searched else None,
    )


KIND = Kind(
    ask=verify,
    rows=_rows,
    code=lambda report: int(not report.fit),
    tables={
        "templates": Table(TemplateRow, ("root",)),
        "leftovers": Table(LeftoverRow, ("root", "operation", "path", "change")),
        "machine_traces": Table(MachineTrace, ("root", "kind", "path", "text")),
    },
)
