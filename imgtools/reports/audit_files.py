"""The files that what was found can be written into, by the end of their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from imgtools.reports.csv_rows import to_csv
from imgtools.reports.html import to_html
from imgtools.reports.junit import to_junit
from imgtools.reports.page import Page, page_of_audit
from imgtools.reports.report_file import Writer
from imgtools.reports.sarif import to_sarif

if TYPE_CHECKING:
    from imgtools.workflows.audit import AuditReport

AUDIT_KINDS = (".html", ".sarif", ".xml", ".csv")
TABLE_KINDS = (".html", ".csv")


def audit_writers(report: AuditReport, version: str) -> Mapping[str, Writer]:
    """Return what writes an audit as each kind of file. :param version: the tool's own."""
    return {
        **page_writers(page_of_audit(report)),
        ".sarif": lambda: to_sarif(report, version),
        ".xml": lambda: to_junit(report),
    }


def page_writers(page: Page) -> Mapping[str, Writer]:
    """Return what writes a page as each kind of file."""
    return {".html": lambda: to_html(page), ".csv": lambda: to_csv(page)}
