"""Excerpts of real records of OSV and of Debian's security tracker (records/README.md): whom they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imgtools.guest.find.release import parse_os_release
from imgtools.guest.packages import debian_tracker, osv
from imgtools.guest.packages.advisories import Subjects
from imgtools.records.components import Affected, Component, ComponentKind

RECORDS = Path(__file__).parent / "records"
OSV: dict[str, Any] = {one["id"]: one for one in json.loads((RECORDS / "osv.json").read_text())}
BUSTER = 'ID=debian\nVERSION_ID="10"\nVERSION_CODENAME=buster\n'
GO, PYTHON, GEM, NPM, JAR = (
    ComponentKind.GO,
    ComponentKind.PYTHON,
    ComponentKind.GEM,
    ComponentKind.NPM,
    ComponentKind.JAR,
)


def about(advisory: str, kind: ComponentKind, name: str, version: str) -> list[Affected]:
    subjects = Subjects([Component(kind, name, version)], "deb", parse_os_release(BUSTER))
    return list(osv.affected_by(OSV[advisory], subjects))


@pytest.mark.parametrize(
    ("advisory", "kind", "name", "version", "fixed"),
    [
        # SEMVER, two ranges in one; the second begins with the earliest version before 1.22.
        ("GO-2024-2963", GO, "stdlib", "1.21.11", "1.21.12"),
        ("GO-2024-2963", GO, "stdlib", "1.21.12", None),
        ("GO-2024-2963", GO, "stdlib", "1.22.0", "1.22.5"),
        ("GO-2024-2963", GO, "stdlib", "1.22.5", None),
        ("GO-2020-0001", GO, "github.com/gin-gonic/gin", "v1.5.0", "1.6.0"),
        ("GO-2020-0001", GO, "github.com/gin-gonic/gin", "v1.6.0", None),
        # A range of commits beside one of versions, and a list of versions.
        ("PYSEC-2023-74", PYTHON, "Requests", "2.30.0", "2.31.0"),
        ("PYSEC-2023-74", PYTHON, "requests", "2.31.0", None),
        ("PYSEC-2023-74", PYTHON, "requests", "2.2.1", None),
        # Versions alone, one of which is none; the name is spelled as its owner does.
        ("GHSA-9v2f-6vcg-3hgv", PYTHON, "gradio", "4.36.1", ""),
        ("GHSA-9v2f-6vcg-3hgv", PYTHON, "gradio", "4.36.2", None),
        # Three ranges that are not in order.
        ("GHSA-76mp-659p-rw65", JAR, "org.xwiki.commons:xwiki-commons-core", "12.10.1", "12.10.2"),
        ("GHSA-76mp-659p-rw65", JAR, "org.xwiki.commons:xwiki-commons-core", "12.9", None),
        ("GHSA-76mp-659p-rw65", JAR, "org.xwiki.commons:xwiki-commons-core", "11.10.12", "11.10.13"),
        # Withdrawn, though its ranges still stand there.
        ("GHSA-35c4-f3rq-f9g3", GEM, "activesupport", "3.2.1", None),
        # Never mended.
        ("GHSA-jvf4-g24p-2qgw", NPM, "shiba", "1.1.1", ""),
    ],
)
def test_osv(advisory: str, kind: ComponentKind, name: str, version: str, fixed: str | None) -> None:
    found = about(advisory, kind, name, version)
    assert [(one.advisory, one.fixed) for one in found] == ([] if fixed is None else [(advisory, fixed)])


def test_aliases_and_severity_are_told() -> None:
    (found,) = about("GHSA-9v2f-6vcg-3hgv", PYTHON, "gradio", "4.36.1")
    assert (found.aliases, found.severity) == (("CVE-2024-39236",), "critical")
    assert list(osv.affected_by(OSV["SUSE-FU-2022:0444-1"], Subjects([], "rpm", parse_os_release("")))) == []


@pytest.mark.parametrize(
    ("version", "limits", "hit"),
    [
        ("1.5", (), True),
        ("1.5", ("*",), True),
        ("1.5", ("2.0",), True),
        ("2.0", ("2.0",), False),
        ("2.5", ("2.0", "3.0"), True),
        ("3.0", ("2.0", "3.0"), False),
    ],
)
def test_limits(version: str, limits: tuple[str, ...], hit: bool) -> None:
    """Below one of them, as BeforeLimits() of the schema says."""
    events = [{"introduced": "0"}, *({"limit": one} for one in limits)]
    package = {"ecosystem": "PyPI", "name": "x"}
    advisory = {
        "id": "X",
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }
    subjects = Subjects([Component(PYTHON, "x", version)], "deb", parse_os_release(""))
    assert bool(list(osv.affected_by(advisory, subjects))) == hit


@pytest.mark.parametrize(
    ("version", "hits"), [("1.5.0-1", ["CVE-2008-7220"]), ("1.6.0.2-1", []), ("1.7.1-3", [])]
)
def test_the_tracker(version: str, hits: list[str]) -> None:
    content = (RECORDS / "tracker.json").read_bytes()
    release = parse_os_release(BUSTER)
    assert debian_tracker.is_tracker(content) and not osv.is_osv(json.loads(content))
    tracker = debian_tracker.parse_tracker(content, debian_tracker.codename_of(release))
    assert tracker is not None
    one = Component(ComponentKind.PACKAGE, "libjs-prototype", version, source="prototypejs")
    found = list(debian_tracker.affected_by(tracker, Subjects([one], "deb", release)))
    assert [each.advisory for each in found] == hits
    assert all((each.fixed, each.severity) == ("1.6.0.2-1", "high") for each in found)
