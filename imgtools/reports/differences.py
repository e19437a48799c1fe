"""How two guests differ, in words and as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.records.comparison import FactDifference, FileDifference, FileFacts
from imgtools.records.files import FileKind
from imgtools.reports.page import Page, Row, Section
from imgtools.units import format_mode, format_size, format_time

if TYPE_CHECKING:
    from imgtools.workflows.diff import GuestDiffReport


def page_of_diff(report: GuestDiffReport) -> Page:
    """Return a comparison as a page: a section a subject, then the files."""
    subjects = dict.fromkeys(one.about.value for one in report.facts)
    sections = [
        Section(
            subject.capitalize(),
            tuple(
                Row(one.became.value, one.name, format_fact(one))
                for one in report.facts
                if one.about.value == subject
            ),
        )
        for subject in subjects
    ]
    files = tuple(
        Row(
            one.became.value,
            ", ".join(one.details) or one.became.value,
            format_file(one),
            one.path,
            (("Lines", one.diff),) if one.diff else (),
        )
        for one in report.files
    )
    count = f"{len(report.facts)} facts and {len(report.files)} files are not the same."
    said = "Nothing differs." if report.same else count
    return Page(
        f"From {report.image} to {report.other}",
        (
            ("From", report.image),
            ("To", report.other),
            *(("Warning", f"{one.path}: {one.text}" if one.path else one.text) for one in report.warnings),
        ),
        f"{said} Not everything could be compared." if report.incomplete else said,
        report.same and not report.incomplete,
        (*sections, Section("Files", files)),
    )


def format_fact(fact: FactDifference) -> str:
    """Say in one line what a fact was and is."""
    if fact.hidden:
        return (
            f"{fact.field or 'its value'} is another one (not shown)"
            if fact.became == "changed"
            else "(not shown)"
        )
    values = [value for value in (fact.old, fact.new) if value is not None]
    if fact.became == "changed":
        values = ["(none)" if value is None else value or '""' for value in (fact.old, fact.new)]
    field = fact.field if fact.field not in ("value", "key") else ""
    return f"{field} {' -> '.join(values)}".strip()


def format_file(file: FileDifference) -> str:
    """Say in one line in what a file differs; of one that is new or gone, what it is."""
    old, new = file.old, file.new
    if old is None or new is None:
        known = new or old
        return "" if known is None else _kind(known)
    return ", ".join(_detail(file, detail, old, new) for detail in file.details)


def _kind(facts: FileFacts) -> str:
    size = f" {format_size(facts.size)}" if facts.kind is FileKind.FILE else ""
    target = f" -> {facts.target}" if facts.target else ""
    return f"{format_mode(facts.kind, facts.mode)} {facts.uid}:{facts.gid}{size}{target}"


def _detail(file: FileDifference, detail: str, old: FileFacts, new: FileFacts) -> str:
    if detail == "content":
        return f"content ({old.size} -> {new.size} bytes)" if old.size != new.size else "content"
    if detail == "xattrs":
        return f"xattrs {' '.join(file.xattrs)}"
    pairs = {
        "kind": [one.kind.name.lower() for one in (old, new)],
        "target": [one.target for one in (old, new)],
        "device": [f"{one.device[0]}:{one.device[1]}" for one in (old, new)],
        "mode": [f"{one.mode:04o}" for one in (old, new)],
        "owner": [f"{one.uid}:{one.gid}" for one in (old, new)],
        "times": [format_time(one.mtime) for one in (old, new)],
    }
    return f"{detail} {' -> '.join(pairs[detail])}"
