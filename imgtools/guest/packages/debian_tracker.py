"""The data of Debian's security tracker: which packages of a guest it says are affected.

Source: security-tracker.debian.org/tracker/data/json, and the tracker's README: a package, its CVEs, and for each
release whether it is resolved, in which version, or open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from imgtools.guest.find.release import Release
from imgtools.guest.packages.advisories import Subject, Subjects
from imgtools.guest.packages.manifests import one_line
from imgtools.records.components import Affected

ORIGIN = "Debian security tracker"
# Where os-release does not name it: VERSION_CODENAME is there since Debian 10.
CODENAMES = {
    7: "wheezy", 8: "jessie", 9: "stretch", 10: "buster", 11: "bullseye", 12: "bookworm", 13: "trixie", 14: "forky",
}  # fmt: skip


class _State(NamedTuple):
    """What is known of a CVE in a release."""

    status: str
    fixed: str
    urgency: str


class _Cve(NamedTuple):
    state: _State
    text: str


Tracker = Mapping[str, Mapping[str, _Cve]]


def codename_of(release: Release) -> str:
    """Return ``bookworm``: the tracker's name of a guest's release; "" if it is not Debian."""
    if release.id != "debian":
        return ""
    return release.fields.get("VERSION_CODENAME", "") or CODENAMES.get(release.version[0], "")


def parse_tracker(content: bytes, codename: str) -> Tracker | None:
    """Return package and CVE to what is known in one release; None if this is other JSON.

    The whole is some 70 MB: what is of other releases is let go while it is read.

    :raises ValueError: it does not parse.
    """

    def shrink(found: dict[str, object]) -> object:
        if "status" in found and "repositories" in found:
            fields = (found.get(name) for name in ("status", "fixed_version", "urgency"))
            return _State(*(one if isinstance(one, str) else "" for one in fields))
        if "releases" in found:
            state, text = found["releases"], found.get("description")
            return (
                _Cve(state, text[:1000] if isinstance(text, str) else "")
                if isinstance(state, _State)
                else None
            )
        if found and all(isinstance(one, _State) for one in found.values()):
            return found.get(codename)
        return {name: value for name, value in found.items() if value is not None}

    whole = json.loads(content, object_hook=shrink)
    if not isinstance(whole, dict):
        return None
    return {
        package: {cve: known for cve, known in cves.items() if isinstance(known, _Cve)}
        for package, cves in whole.items()
        if isinstance(cves, dict)
    }


def is_tracker(content: bytes) -> bool:
    """Whether JSON begins as the tracker's does: with a package, and a CVE in it."""
    head = content[:65536].decode("utf-8", "replace")
    return (
        '"releases"' in head
        and '"repositories"' in head
        and '"affected"' not in head.partition('"releases"')[0]
    )


def affected_by(tracker: Tracker, subjects: Subjects) -> Iterator[Affected]:
    """Yield the packages that a CVE is open in, or mended in a newer version than is there."""
    for package, cves in tracker.items():
        for subject in subjects.named("Debian", package):
            for cve, known in cves.items():
                if _is_open(known.state, subject):
                    yield _affected(cve, known, subject)


def _is_open(state: _State, subject: Subject) -> bool:
    if state.status == "open":
        return True
    # "0" is written where the release never had what is broken.
    mended = state.status != "resolved" or state.fixed in ("", "0")
    return not mended and (subject.compare(subject.version, state.fixed) or 0) < 0


def _affected(cve: str, known: _Cve, subject: Subject) -> Affected:
    one = subject.component
    return Affected(
        advisory=one_line(cve),
        component=one.name,
        version=one.version,
        kind=one.kind,
        fixed=one_line(known.state.fixed) if known.state.status == "resolved" else "",
        severity=known.state.urgency.removesuffix("**"),
        summary=one_line(known.text),
        purl=one.purl,
        origin=ORIGIN,
    )
