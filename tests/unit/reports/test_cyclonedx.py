"""CycloneDX 1.6: valid by its own schema, and nothing of the guest is lost."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from imgtools.door.materials import sbom_document
from imgtools.errors import UsageError
from imgtools.records.components import Affected, Component, ComponentKind
from tests.support.materials import (
    COMPONENTS,
    FILES,
    NPM,
    PACKAGE,
    REPORT,
    by_cyclonedx,
    cyclonedx_errors,
    without_order,
)


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(sbom_document(REPORT))


def entry(document: Any, reference: str) -> Any:
    (one,) = [one for one in document["components"] if one["bom-ref"] == reference]
    return one


def test_it_is_valid() -> None:
    text = sbom_document(REPORT)
    assert cyclonedx_errors(text) is None
    assert (
        cyclonedx_errors(sbom_document(dataclasses.replace(REPORT, components=(), files=None, affected=None)))
        is None
    )


def test_the_library_reads_it_and_writes_the_same() -> None:
    ours = json.loads(sbom_document(REPORT))
    theirs = json.loads(by_cyclonedx(json.dumps(ours)))
    # It names everything once more among the dependencies, as what needs nothing. That nobody has looked at.
    theirs["dependencies"] = [one for one in theirs["dependencies"] if "dependsOn" in one]
    assert without_order(ours) == without_order(theirs)


def test_an_entry_is_a_line() -> None:
    lines = sbom_document(REPORT).splitlines()
    assert len([line for line in lines if '"bom-ref": "pkg:' in line]) == len(
        {one.purl for one in COMPONENTS}
    )
    assert sum(line.startswith('  {"type": ') for line in lines) == len(COMPONENTS) + len(FILES)


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://x.org/a?b=c&d=%20#e", "https://x.org/a?b=c&d=%20#e"),
        ("https://x.org/%zz#a#b", "https://x.org/%25zz#a%23b"),
        ("HTTP://x.org/[<{\"'|\\^`}>]", "HTTP://x.org/%5B%3C%7B%22%27%7C%5C%5E%60%7D%3E%5D"),
        ("https://x.org/é", "https://x.org/%C3%A9"),
        ("https://x.org/ or so", None),
        ("javascript:alert(1)", None),
    ],
)
def test_an_address_is_one_that_the_schema_takes(url: str, written: str | None) -> None:
    report = dataclasses.replace(REPORT, components=(dataclasses.replace(PACKAGE, url=url),), affected=None)
    text = sbom_document(report)
    assert cyclonedx_errors(text) is None
    (one,) = [one for one in json.loads(text)["components"] if one["type"] == "library"]
    assert [each["url"] for each in one.get("externalReferences", ())] == ([written] if written else [])


@pytest.mark.parametrize(
    ("severity", "rating"),
    [
        ("CVSS:4.0/AV:N", {"method": "CVSSv4", "vector": "AV:N"}),
        ("CVSS:3.0/AV:N", {"method": "CVSSv3", "vector": "AV:N"}),
        ("CVSS:9.9/AV:N", {"method": "other", "vector": "CVSS:9.9/AV:N"}),
        ("Important", {"severity": "high"}),
        ("unimportant", {"severity": "info"}),
        ("dire", {"severity": "unknown"}),
    ],
)
def test_severities(severity: str, rating: object) -> None:
    one = Affected("X-1", "a", "1", ComponentKind.PACKAGE, severity=severity, origin="OSV")
    report = dataclasses.replace(
        REPORT, components=(Component(ComponentKind.PACKAGE, "a", "1"),), affected=(one, one)
    )
    text = sbom_document(report)
    assert cyclonedx_errors(text) is None
    (found,) = json.loads(text)["vulnerabilities"]
    assert found["ratings"] == [rating] and len(found["affects"]) == 1


def test_every_component_and_file_is_there_once(document: Any) -> None:
    assert document["specVersion"] == "1.6"
    assert len(document["components"]) == len(COMPONENTS) + len(FILES)
    assert len({one["bom-ref"] for one in document["components"]}) == len(COMPONENTS) + len(FILES)


def test_the_facts_of_a_package(document: Any) -> None:
    one = entry(document, PACKAGE.purl)
    assert one["purl"] == PACKAGE.purl and one["version"] == "5.2-1" and one["type"] == "library"
    assert one["licenses"] == [
        {"license": {"id": "GPL-3.0-or-later"}},
        {"license": {"name": "public-domain"}},
    ]
    assert one["publisher"] == PACKAGE.supplier and one["externalReferences"][0]["url"] == PACKAGE.url


def test_a_package_of_a_language_names_its_place_and_its_owner(document: Any) -> None:
    one = entry(document, NPM.purl)
    assert (one["group"], one["name"]) == ("@babel", "core")
    assert one["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert one["evidence"]["occurrences"] == [{"location": NPM.paths[0]}]
    assert {"name": "imgtools:owner", "value": "bash"} in one["properties"]


def test_the_image_holds_the_system(document: Any) -> None:
    assert document["metadata"]["component"]["name"] == "disk one.qcow2"
    (system,) = [one for one in document["components"] if one["type"] == "operating-system"]
    assert (system["name"], system["version"], system["cpe"]) == (
        "debian",
        "12",
        "cpe:/o:debian:debian_linux:12",
    )
    holds = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert holds["image"] == [system["bom-ref"]]
    assert len(holds[system["bom-ref"]]) == len(COMPONENTS) - 1


def test_advisories_name_what_they_affect(document: Any) -> None:
    found = {one["id"]: one for one in document["vulnerabilities"]}
    assert set(found) == {"DSA-1-1", "GHSA-1", "CVE-2024-1"}
    first = found["DSA-1-1"]
    assert first["affects"] == [
        {"ref": PACKAGE.purl, "versions": [{"status": "affected", "version": "5.2-1"}]}
    ]
    assert first["ratings"][0]["method"] == "CVSSv31" and first["analysis"]["state"] == "in_triage"
    assert first["recommendation"] == "Fixed in: bash 5.2-2"
    assert found["GHSA-1"]["ratings"][0]["severity"] == "medium"


def test_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = sbom_document(REPORT, reproducible=True)
    assert first == sbom_document(REPORT, reproducible=True) and cyclonedx_errors(first) is None
    assert "timestamp" not in json.loads(first)["metadata"]
    assert sbom_document(REPORT) != sbom_document(REPORT)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = json.loads(sbom_document(REPORT, reproducible=True))
    assert dated["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    changed = dataclasses.replace(REPORT, components=REPORT.components[1:])
    assert json.loads(sbom_document(changed, reproducible=True))["serialNumber"] != dated["serialNumber"]


@pytest.mark.parametrize("epoch", ["tomorrow", "-1", "9" * 30, "1.5"])
def test_a_moment_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        sbom_document(REPORT, reproducible=True)
