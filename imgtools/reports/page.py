"""A report as a page: facts at the top, sections with rows below. What each verb has found is put into one here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.reports.charts import BarChart, LineChart

if TYPE_CHECKING:
    from imgtools.records.audit import AuditedCheck, AuditFinding
    from imgtools.records.diagnosis import Finding
    from imgtools.records.packages import FileFinding
    from imgtools.workflows.audit import AuditReport
    from imgtools.workflows.diagnose import DiagnoseReport
    from imgtools.workflows.verify import PackagesVerified

# How a state looks: what stands out, what is fine, what says nothing.
TONES = {
    "critical": "bad",
    "high": "bad",
    "broken": "bad",
    "missing": "bad",
    "removed": "bad",
    "error": "bad",
    "cannot be read": "bad",
    "no answer": "bad",
    "past its end": "bad",
    "full": "bad",
    "medium": "warn",
    "wrong mode": "warn",
    "wrong owner": "warn",
    "wrong link": "warn",
    "wrong kind": "warn",
    "wrong capabilities": "warn",
    "suspicious": "warn",
    "changed": "warn",
    "ends soon": "warn",
    "long-term only": "warn",
    "nearly full": "warn",
    "differs": "warn",
    "machine ID": "warn",
    "host name": "warn",
    "low": "mild",
    "added": "mild",
    "pass": "good",
    "sound": "good",
    "supported": "good",
}
COLUMNS = ("State", "Id", "What", "Where")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is told. ``state`` is a word such as ``high``; ``more`` is folded away: a label, and a text."""

    state: str
    id: str
    text: str
    place: str = ""
    more: tuple[tuple[str, str], ...] = ()

    @property
    def tone(self) -> str:
        """How its state looks."""
        return TONES.get(self.state, "plain")


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under a heading. ``unfolded``: they are seen at once; ``note``: what is said above them.

    ``columns`` are the headings of what a row has: its state, id, text and place.
    """

    title: str
    rows: tuple[Row, ...]
    unfolded: bool = True
    columns: tuple[str, str, str, str] = COLUMNS
    charts: tuple[BarChart | LineChart, ...] = ()
    note: str = ""

    @property
    def summary(self) -> str:
        """How many rows there are of each state."""
        count = Counter(row.state for row in self.rows)
        return ", ".join(f"{number} {state}" for state, number in count.items())


@dataclass(frozen=True, slots=True)
class Page:
    """A report: its title, facts, a verdict in one sentence, sections."""

    title: str
    facts: tuple[tuple[str, str], ...]
    verdict: str
    good: bool
    sections: tuple[Section, ...]

    @property
    def states(self) -> tuple[tuple[str, str, int], ...]:
        """Every state that a row has: its name, how it looks, how many rows have it; what stands out first."""
        count = Counter((row.state, row.tone) for section in self.sections for row in section.rows)
        return tuple((s, t, n) for (s, t), n in sorted(count.items(), key=lambda item: weight(item[0][0])))


def page_of_audit(report: AuditReport) -> Page:
    """Return an audit as a page."""
    sections = []
    for group in dict.fromkeys(one.group for one in report.checks):
        checks = [one for one in report.checks if one.group == group]
        rows = sorted((row for one in checks for row in _of_check(one)), key=lambda row: weight(row.state))
        sections.append(Section(group, tuple(rows), any(one.findings for one in checks)))
    count = Counter(one.severity.value for one in report.findings)
    said = ", ".join(
        f"{number} {state}" for state, number in sorted(count.items(), key=lambda one: weight(one[0]))
    )
    return Page(
        f"Audit of {report.image}",
        (
            ("Image", report.image),
            ("Guest", f"{report.guest} on {report.root}"),
            ("Policy", report.policy),
            ("Fails from", report.fail_on.value),
            *(("Warning", f"{one.path}: {one.text}" if one.path else one.text) for one in report.warnings),
        ),
        f"{len(report.checks)} checks were made: {said or 'nothing was found'}.",
        report.clean,
        tuple(sections),
    )


def weight(state: str) -> int:
    """Return the place of a state among all: what stands out comes first."""
    order = list(TONES)
    return order.index(state) if state in order else len(order)


def _of_check(one: AuditedCheck) -> Iterator[Row]:
    why = (("Why", one.rationale), *((("See", ", ".join(one.references)),) if one.references else ()))
    for finding in one.findings:
        yield Row(finding.severity.value, one.id, finding.text, _place(finding), (*_more(finding), *why))
    for finding in one.waived:
        yield Row(
            "waived", one.id, finding.text, _place(finding), (("Waived", finding.waived), *_more(finding))
        )
    if not one.findings:
        reason = (("Because", one.reason),) if one.reason else ()
        yield Row(one.result.value, one.id, one.title, "", (*reason, *why))


def _more(finding: AuditFinding) -> Iterator[tuple[str, str]]:
    if finding.evidence:
        yield "There is", finding.evidence
    if finding.fixable:
        yield "To do", "imgtools audit --fix puts it right"
    if finding.advice:
        yield "To do", finding.advice


def _place(one: AuditFinding) -> str:
    return f"{one.path}{f':{one.line}' if one.line else ''} {one.subject}".strip()


def page_of_diagnosis(report: DiagnoseReport) -> Page:
    """Return a diagnosis as a page: a section for the findings, one for what each station is."""
    findings = tuple(_of_finding(one, report.image) for one in report.findings)
    stations = tuple(Row(one.state.value, one.name, one.reason or one.summary) for one in report.stations)
    sections = (Section("Findings", findings), Section("The way from power-on to login", stations))
    cause = (
        f"Likely cause: {report.likely_cause}" if report.likely_cause else "Nothing that stops it was found."
    )
    return Page(
        f"Diagnosis of {report.image}",
        (
            ("Image", report.image),
            ("Guest", f"{report.guest} on {report.root}" if report.guest else "none that can be read"),
        ),
        "Nothing was found." if report.sound else cause,
        report.sound,
        sections if findings else sections[1:],
    )


def _of_finding(one: Finding, image: str) -> Row:
    seen = [(f"{each.path}{f':{each.line}' if each.line else ''}", each.text) for each in one.evidence]
    more: list[tuple[str, str]] = [("Seen", f"{place}: {text}" if text else place) for place, text in seen]
    if one.remedy is not None:
        sets = "".join(f" --set {one.remedy.repair}.{setting}" for setting in one.remedy.settings)
        more.append(("Mended by", f"imgtools repair {image} --only {one.remedy.repair}{sets}"))
    if one.advice:
        more.append(("To do", one.advice))
    return Row(one.severity.value, one.id, one.text, seen[0][0] if seen else "", tuple(more))


def page_of_packages(report: PackagesVerified) -> Page:
    """Return how the files of packages are as a page: code first, configuration below."""
    facts = (
        ("Image", report.image),
        ("Guest", f"{report.guest} on {report.root}"),
        ("Packages", f"{report.packages} with {report.files} files; {report.hashed} were read"),
        *(("Warning", f"{one.path}: {one.text}" if one.path else one.text) for one in report.warnings),
    )
    parts = (("Programs and data", report.code), ("Configuration", report.configuration))
    sections = tuple(Section(title, tuple(map(_of_file, found))) for title, found in parts if found)
    count = f"{len(report.code)} files and {len(report.configuration)} of configuration are not as packages have them."
    verdict = count if report.findings else "Every file is as its package has it."
    return Page(f"Packages of {report.image}", facts, verdict, report.intact, sections)


def _of_file(one: FileFinding) -> Row:
    named = (("Expected", one.expected), ("Found", one.found))
    text = f"of {one.package}" if one.package else "no package owns it"
    return Row(
        one.what.value,
        one.package or one.what.value,
        text,
        one.path,
        tuple(each for each in named if each[1]),
    )
