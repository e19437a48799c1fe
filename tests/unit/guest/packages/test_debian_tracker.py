"""The data of Debian's security tracker."""

from __future__ import annotations

import json

import pytest

from imgtools.guest.find.release import parse_os_release
from imgtools.guest.packages.advisories import Subjects
from imgtools.guest.packages.debian_tracker import affected_by, codename_of, is_tracker, parse_tracker
from imgtools.records.components import Affected, Component, ComponentKind

RELEASE = parse_os_release('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n')


def state(status: str, fixed: str = "", urgency: str = "not yet assigned") -> dict[str, object]:
    facts: dict[str, object] = {"status": status, "repositories": {"bookworm": "1"}, "urgency": urgency}
    return facts | ({"fixed_version": fixed} if fixed else {})


def data(now: dict[str, object], other: dict[str, object] | None = None) -> bytes:
    releases = {"bookworm": now, "trixie": other or state("resolved", "0")}
    cve = {"description": "a hole", "scope": "remote", "releases": releases}
    return json.dumps({"curl": {"CVE-2024-1": cve}, "zlib": {"CVE-2024-2": cve}}).encode()


def matched(content: bytes, version: str = "7.88.1-10") -> list[Affected]:
    one = Component(ComponentKind.PACKAGE, "libcurl4", f"{version}+b1", source="curl", source_version=version)
    tracker = parse_tracker(content, codename_of(RELEASE))
    assert tracker is not None and is_tracker(content)
    return list(affected_by(tracker, Subjects([one], "deb", RELEASE)))


@pytest.mark.parametrize(
    ("now", "fixed"),
    [
        (state("resolved", "7.88.1-10+deb12u1"), "7.88.1-10+deb12u1"),
        (state("resolved", "7.88.1-10"), None),
        (state("resolved", "0"), None),
        (state("open"), ""),
        (state("undetermined"), None),
    ],
)
def test_states(now: dict[str, object], fixed: str | None) -> None:
    found = matched(data(now))
    assert [one.fixed for one in found] == ([] if fixed is None else [fixed])
    if found:
        assert (found[0].advisory, found[0].component, found[0].summary) == (
            "CVE-2024-1",
            "libcurl4",
            "a hole",
        )


def test_another_release_does_not_count() -> None:
    assert not matched(data(state("resolved", "0"), state("open")))
    without = json.dumps(
        {
            "curl": {"CVE-1": {"description": "x", "releases": {"sid": state("open")}}},
            "a": {},
            "b": [],
            "c": 3,
        }
    ).encode()
    assert not matched(without)


def test_the_codename() -> None:
    assert codename_of(RELEASE) == "bookworm"
    assert codename_of(parse_os_release("ID=debian\nVERSION_ID=9\n")) == "stretch"
    assert codename_of(parse_os_release("ID=ubuntu\nVERSION_CODENAME=jammy\n")) == ""
