"""An audit as JUnit XML, which build servers show: a suite a group, a case a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.records.audit import AuditedCheck, Result
from imgtools.reports.html import shown

if TYPE_CHECKING:
    from junitparser import TestCase

    from imgtools.workflows.audit import AuditReport


def to_junit(report: AuditReport) -> str:
    """Return an audit as JUnit XML.

    What is not applicable or not decidable is skipped, with the reason. A finding that weighs less than what the audit
    fails from is told in the case's output, and the case passes.
    """
    from junitparser import JUnitXml, TestSuite

    document = JUnitXml(f"imgtools audit {shown(report.image)}")
    for group in dict.fromkeys(one.group for one in report.checks):
        suite = TestSuite(group)
        for one in (each for each in report.checks if each.group == group):
            suite.add_testcase(_case(one, report))
        document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]
    return text.decode("utf-8") + "\n"


def _case(one: AuditedCheck, report: AuditReport) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    case = TestCase(one.id, f"imgtools.audit.{one.id.partition('-')[0]}", 0)
    lines = [
        shown(_line(each.severity, each.path, each.line, each.subject, each.text)) for each in one.findings
    ]
    heavy = [each for each in one.findings if each.severity.rank >= report.fail_on.rank]
    if one.result is Result.ERROR:
        case.result = [Error(shown(one.reason), "error")]
    elif heavy:
        failure = Failure(shown(heavy[0].text), heavy[0].severity.value)
        failure.text = "\n".join(lines)
        case.result = [failure]
    elif one.result in (Result.NOT_APPLICABLE, Result.UNDECIDED):
        case.result = [Skipped(shown(f"{one.result}: {one.reason}"), one.result.value)]
    elif lines:
        case.system_out = "\n".join(lines)
    return case


def _line(severity: str, path: str, line: int, subject: str, text: str) -> str:
    place = f"{path}{f':{line}' if line else ''} {subject}".strip()
    return f"{severity}: {text}{f' [{place}]' if place else ''}"
