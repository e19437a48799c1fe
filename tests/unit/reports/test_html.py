"""Reports as HTML: what a guest has written is text there, and nothing else; how it looks is tested in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from imgtools.ops.station import StationReport
from imgtools.records.comparison import Changed, FactDifference, FactKind, FileDifference
from imgtools.records.diagnosis import Evidence, Finding, Remedy, StationState
from imgtools.records.packages import Deviation, FileFinding
from imgtools.records.request import Engine
from imgtools.reports.differences import page_of_diff
from imgtools.reports.html import MARK, shown, to_html
from imgtools.reports.page import Page, Row, Section, page_of_audit, page_of_diagnosis, page_of_packages
from imgtools.workflows.diagnose import DiagnoseReport
from imgtools.workflows.diff import GuestDiffReport
from imgtools.workflows.verify import PackagesVerified
from tests.support.audits import HOSTILE, audit_report


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: Page) -> _Tags:
    parser = _Tags()
    parser.feed(to_html(page))
    return parser


def test_what_a_guest_wrote_makes_no_element() -> None:
    assert read(page_of_audit(audit_report(HOSTILE))).tags == read(page_of_audit(audit_report())).tags


def test_what_a_guest_wrote_is_shown_as_it_is_and_can_be_written() -> None:
    text = "".join(read(page_of_audit(audit_report(HOSTILE))).text)
    assert "<script>document.title='run'</script>" in text
    assert "\x1b" not in text and "\u202e" not in text and "\\x1b[31m\\u202egpj" in text
    to_html(page_of_audit(audit_report(HOSTILE))).encode("utf-8")


def test_only_the_script_of_the_page_may_run() -> None:
    html = to_html(page_of_audit(audit_report(HOSTILE)))
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html
    assert html.count("<script>") == 1 and MARK in html[:4096]
    assert not re.search(r"""(src|href)\s*=|https?:|@import|url\(""", html.replace(script, ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [("a\nb", "a\nb"), ("a\tb", "a\\tb"), ("\u202e", "\\u202e"), ("\udcff", "\\udcff"), ("ü", "ü")],
)
def test_shown(text: str, said: str) -> None:
    assert shown(text) == said


def test_a_report_without_rows_is_a_page_too() -> None:
    assert "nothing at all" in to_html(Page("t", (), "nothing at all", True, (Section("s", ()),)))


def test_states_are_counted_and_what_stands_out_comes_first() -> None:
    page = page_of_audit(audit_report())
    assert [(state, number) for state, _, number in page.states][:4] == [
        ("critical", 1),
        ("error", 1),
        ("medium", 1),
        ("low", 1),
    ]
    assert Row("anything", "", "").tone == "plain"


def test_a_diagnosis_has_its_findings_with_what_mends_them() -> None:
    seen = (Evidence("/etc/fstab", 3, "UUID=x"),)
    finding = Finding("fstab", "gone", evidence=seen, remedy=Remedy("fstab", ("a=b",)))
    stations = (StationReport("fstab", "Lines", StationState.BROKEN, (finding,)),)
    report = DiagnoseReport("d.qcow2", Engine.DIRECT, "/dev/sda1", "Debian", False, "fstab", stations)
    page = page_of_diagnosis(report)
    assert page.verdict == "Likely cause: fstab"
    (row,) = page.sections[0].rows
    assert (row.state, row.place) == ("broken", "/etc/fstab:3")
    assert ("Mended by", "imgtools repair d.qcow2 --only fstab --set fstab.a=b") in row.more


def test_a_comparison_has_a_section_a_subject_and_the_lines_that_differ() -> None:
    fact = FactDifference(FactKind.PACKAGE, "bash", Changed.CHANGED, "version", "1", "2")
    secret = FactDifference(FactKind.USER, "alice", Changed.CHANGED, "password", "x", "y", hidden=True)
    file = FileDifference("/etc/motd", Changed.CHANGED, ("content",), diff="-a\n+b\n")
    report = GuestDiffReport("a", "b", Engine.DIRECT, False, False, (fact, secret), (file,))
    page = page_of_diff(report)
    assert [one.title for one in page.sections][-1] == "Files" and not page.good
    html = to_html(page)
    assert "version 1 -&gt; 2" in html and "-a\n+b" in html and "password x" not in html
    assert page_of_diff(replace(report, same=True, incomplete=True)).verdict.endswith(
        "Not everything could be compared."
    )


def test_packages_have_code_first_and_what_was_expected() -> None:
    finding = FileFinding("bash", "/bin/bash", Deviation.MODE, "0755", "0777")
    report = PackagesVerified("d", Engine.DIRECT, "/dev/sda1", "Debian", "deb", False, 1, 2, 2, 0, (finding,))
    page = page_of_packages(report)
    (row,) = page.sections[0].rows
    assert (row.state, row.place, row.tone) == ("wrong mode", "/bin/bash", "warn")
    assert row.more == (("Expected", "0755"), ("Found", "0777"))
    assert page_of_packages(replace(report, findings=(), intact=True)).good
