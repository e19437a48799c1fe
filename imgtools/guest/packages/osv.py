"""Advisories in OSV's format: which components of a guest they say are affected.

Source: the Open Source Vulnerability format (ossf.github.io/osv-schema), section "Evaluation". Ranges of commits say
nothing of an installed version and are passed over.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from imgtools.guest.packages.advisories import Compare, Subject, Subjects
from imgtools.guest.packages.manifests import one_line
from imgtools.records.components import Affected

MOST_EVENTS = 10_000  # of one range; the kernel's have some hundreds
ORIGIN = "OSV"

Advisory = Mapping[str, object]


def is_osv(document: object) -> bool:
    """Whether a JSON document is an advisory of OSV."""
    return isinstance(document, dict) and isinstance(document.get("id"), str) and (
        "affected" in document or "withdrawn" in document or "modified" in document
    )  # fmt: skip


def ecosystems(advisory: Advisory) -> Iterator[str]:
    """Yield the ecosystems that an advisory is about, without their releases."""
    for one in _objects(advisory.get("affected")):
        yield _text(_object(one.get("package")), "ecosystem").partition(":")[0]


def affected_by(advisory: Advisory, subjects: Subjects) -> Iterator[Affected]:
    """Yield the components that an advisory is about in the version that is there."""
    if advisory.get("withdrawn"):
        return
    for entry in _objects(advisory.get("affected")):
        package = _object(entry.get("package"))
        for subject in subjects.named(_text(package, "ecosystem"), _text(package, "name")):
            hit, fixed = _evaluate(entry, subject)
            if hit:
                yield _affected(advisory, entry, subject, fixed)


def _affected(advisory: Advisory, entry: Advisory, subject: Subject, fixed: str) -> Affected:
    one = subject.component
    aliases = [*_texts(advisory.get("aliases")), *_texts(advisory.get("upstream"))]
    return Affected(
        advisory=_text(advisory, "id"),
        component=one.name,
        version=one.version,
        kind=one.kind,
        fixed=fixed,
        severity=_severity(advisory, entry),
        aliases=tuple(sorted(set(aliases))),
        summary=_text(advisory, "summary") or _text(advisory, "details"),
        purl=one.purl,
        paths=one.paths,
        origin=ORIGIN,
    )


def _severity(advisory: Advisory, entry: Advisory) -> str:
    """The word of the data base or of the distribution, else a vector of CVSS, the newest version first."""
    for place in (entry, advisory):
        for name in ("ecosystem_specific", "database_specific"):
            for word in ("urgency", "severity"):
                if found := _text(_object(place.get(name)), word):
                    return found.lower()
    vectors = [_text(one, "score") for place in (entry, advisory) for one in _objects(place.get("severity"))]
    return max(vectors, default="")


def _evaluate(entry: Advisory, subject: Subject) -> tuple[bool, str]:
    """Return whether the version that is there is affected, and the lowest one above it that is mended."""
    hit, fixes = subject.version in _texts(entry.get("versions")), []
    for one in _objects(entry.get("ranges")):
        if _text(one, "type") == "GIT":
            continue
        events = _events(one, subject.compare)
        hit = hit or (_is_before_limits(one, subject) and _is_within(events, subject))
        fixes += [version for kind, version in events if kind == "fixed"]
    newer = [version for version in fixes if _above(subject, version)]

    def order(one: str, other: str) -> int:
        return subject.compare(one, other) or 0

    newer.sort(key=functools.cmp_to_key(order))
    return hit, newer[0] if newer else ""


def _is_before_limits(one: Advisory, subject: Subject) -> bool:
    """Whether a range is about the version at all: it is below one of the limits, where there are some."""
    limits = [
        _text(event, "limit") for event in _objects(one.get("events"))[:MOST_EVENTS] if "limit" in event
    ]
    return not limits or any(limit == "*" or _above(subject, limit) for limit in limits)


def _above(subject: Subject, version: str) -> bool:
    compared = subject.compare(subject.version, version)
    return compared is not None and compared < 0


def _events(one: Advisory, compare: Compare) -> list[tuple[str, str]]:
    """The events of a range by version; what came with version 0 was there from the beginning."""
    found = [
        (kind, _text(event, kind))
        for event in _objects(one.get("events"))[:MOST_EVENTS]
        for kind in ("introduced", "fixed", "last_affected")
        if kind in event
    ]

    def order(first: tuple[str, str], second: tuple[str, str]) -> int:
        if "0" in (first[1], second[1]):
            return (second[1] == "0") - (first[1] == "0")
        return compare(first[1], second[1]) or 0

    return sorted(found, key=functools.cmp_to_key(order))


def _is_within(events: Sequence[tuple[str, str]], subject: Subject) -> bool:
    hit = False
    for kind, version in events:
        compared = 1 if version == "0" else subject.compare(subject.version, version)
        if compared is None:
            continue  # a version that the ecosystem's own rules do not read
        if kind == "introduced" and compared >= 0:
            hit = True
        elif (kind == "fixed" and compared >= 0) or (kind == "last_affected" and compared > 0):
            hit = False
    return hit


# -- JSON of any shape -----------------------------------------------------------------------------------------


def _object(value: object) -> Advisory:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Advisory]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [one_line(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(found: Advisory, name: str) -> str:
    value = found.get(name)
    return one_line(value) if isinstance(value, str) else ""
