"""The files that an audit or a diagnosis can be written into, by the end of their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from imgtools.reports.csv_rows import to_csv
from imgtools.reports.html import to_html
from imgtools.reports.junit import to_junit
from imgtools.reports.page import page_of_audit, page_of_diagnosis
from imgtools.reports.report_file import Writer
from imgtools.reports.sarif import to_sarif

if TYPE_CHECKING:
    from imgtools.workflows.audit import AuditReport
    from imgtools.workflows.diagnose import DiagnoseReport

AUDIT_KINDS = (".html", ".sarif", ".xml", ".csv")
DIAGNOSIS_KINDS = (".html", ".csv")


def audit_writers(report: AuditReport, version: str) -> Mapping[str, Writer]:
    """Return what writes an audit as each kind of file. :param version: the tool's own."""
    return {
        ".html": lambda: to_html(page_of_audit(report)),
        ".sarif": lambda: to_sarif(report, version),
        ".xml": lambda: to_junit(report),
        ".csv": lambda: to_csv(page_of_audit(report)),
    }


def diagnosis_writers(report: DiagnoseReport) -> Mapping[str, Writer]:
    """Return what writes a diagnosis as each kind of file."""
    page = page_of_diagnosis(report)
    return {".html": lambda: to_html(page), ".csv": lambda: to_csv(page)}
