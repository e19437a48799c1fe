"""A report's rows as CSV (RFC 4180), for spreadsheets."""

from __future__ import annotations

import csv
import io

from imgtools.reports.html import shown
from imgtools.reports.page import Page

HEAD = ("imgtools section", "state", "id", "what", "where", "more")
# A cell that begins with one of these is a formula to a spreadsheet (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(page: Page) -> str:
    """Return every row of a page as a line."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for section in page.sections:
        for row in section.rows:
            more = "; ".join(f"{label}: {text}" for label, text in row.more if label != "Why")
            writer.writerow(
                [_cell(one) for one in (section.title, row.state, row.id, row.text, row.place, more)]
            )
    return out.getvalue()


def _cell(text: str) -> str:
    text = shown(text)
    return f"'{text}" if text.startswith(FORMULA) else text
