"""What an audit with every check says of whole guests: each line was read, and is true of that guest."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

import imgtools
from tests.support.fixtures import fixture_image

GOLDEN = Path(__file__).parent.parent / "golden"
TODAY = date(2026, 11, 30)
# What depends on the day's packages, or on what the host knows of releases.
VARIES = ("package-",)


@pytest.mark.parametrize("name", [pytest.param("real", marks=pytest.mark.real), "rocky", "windows-server"])
def test_the_report_is_the_one_that_was_reviewed(name: str) -> None:
    report = imgtools.audit(fixture_image(name), today=TODAY)
    lines = sorted(
        f"{one.severity} {one.check} {one.path}{f':{one.line}' if one.line else ''} {one.subject}".strip()
        for one in report.findings
        if not one.check.startswith(VARIES)
    )
    undecided = [
        f"{one.result} {one.id}"
        for one in report.checks
        if one.result in ("error", "not decidable offline") and not one.id.startswith(VARIES)
    ]
    text = "\n".join([*lines, *sorted(undecided)]) + "\n"
    golden = GOLDEN / f"audit-{name}.txt"
    if "UPDATE_GOLDEN" in os.environ:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
