"""An audit as SARIF, JUnit and CSV, each read back by another reader."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from sarif_pydantic import Sarif

from imgtools.errors import TargetExists, UsageError
from imgtools.reports.audit_files import AUDIT_KINDS, audit_writers
from imgtools.reports.csv_rows import to_csv
from imgtools.reports.junit import to_junit
from imgtools.reports.page import Page, Row, Section
from imgtools.reports.report_file import check_report_files
from imgtools.reports.sarif import to_sarif
from tests.support.audits import HOSTILE, audit_report


def test_sarif_is_read_by_another_reader() -> None:
    run = Sarif.model_validate_json(to_sarif(audit_report(HOSTILE), "1.0")).runs[0]
    assert run.tool.driver.name == "imgtools"
    assert [one.id for one in run.tool.driver.rules or ()][:2] == ["file-shadow-mode", "ssh-one"]


def test_sarif_says_kind_level_place_and_what_is_let_be() -> None:
    (run,) = json.loads(to_sarif(audit_report(), "1.0"))["runs"]
    found = {(one["ruleId"], one["kind"], one["level"]) for one in run["results"]}
    assert found == {
        ("file-shadow-mode", "fail", "error"),
        ("file-shadow-mode", "fail", "note"),
        ("ssh-one", "pass", "none"),
        ("ssh-two", "notApplicable", "none"),
        ("ssh-three", "open", "none"),
        ("ssh-four", "review", "none"),
        ("ssh-five", "fail", "warning"),
    }
    first = run["results"][0]["locations"][0]["physicalLocation"]
    assert first == {
        "artifactLocation": {"uri": "etc/shadow", "uriBaseId": "GUEST"},
        "region": {"startLine": 3},
    }
    waived = [one for one in run["results"] if "suppressions" in one]
    assert [one["suppressions"][0]["justification"] for one in waived] == ["an old service"]
    assert all(
        run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"]
    )


def test_junit_fails_what_weighs_enough_and_skips_what_nobody_knows() -> None:
    document = JUnitXml.fromstring(to_junit(audit_report(HOSTILE)))
    cases = {case.name: case for suite in document for case in suite}
    assert {suite.name for suite in document} == {"Files and modes", "SSH"}
    kinds = {name: type(case.result[0]) if case.result else None for name, case in cases.items()}
    assert kinds == {
        "file-shadow-mode": Failure,
        "ssh-one": None,
        "ssh-two": Skipped,
        "ssh-three": Skipped,
        "ssh-four": Error,
        "ssh-five": None,  # medium, and the audit fails from high
    }
    assert "medium is wrong" in cases["ssh-five"].system_out


def test_csv_has_a_line_a_row_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(audit_writers(audit_report(), "1")[".csv"]())))
    assert len(rows) == 1 + 8
    assert rows[1][:5] == [
        "Files and modes",
        "critical",
        "file-shadow-mode",
        "critical is wrong",
        "/etc/shadow:3",
    ]
    text = to_csv(Page("t", (), "", True, (Section("s", (Row("low", "=x", "@y", "-z"),)),)))
    assert next(iter(csv.reader(text.splitlines()[1:]))) == ["s", "low", "'=x", "'@y", "'-z", ""]


@pytest.mark.parametrize("kind", AUDIT_KINDS)
def test_an_earlier_report_is_known_and_gives_way(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"audit{kind}"
    path.write_text(audit_writers(audit_report(HOSTILE), "1")[kind]())
    check_report_files([path], AUDIT_KINDS)
    path.write_text("somebody's own")
    with pytest.raises(TargetExists):
        check_report_files([path], AUDIT_KINDS)


def test_a_name_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a kind of report"):
        check_report_files([tmp_path / "audit.pdf"], AUDIT_KINDS)
