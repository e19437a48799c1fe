"""CycloneDX 1.6: valid by its own schema, and nothing of the guest is lost."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from imgtools.errors import UsageError
from imgtools.reports.cyclonedx import make_cyclonedx
from tests.support.materials import COMPONENTS, FILES, NPM, PACKAGE, REPORT, cyclonedx_errors


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(make_cyclonedx(REPORT))


def entry(document: Any, reference: str) -> Any:
    (one,) = [one for one in document["components"] if one["bom-ref"] == reference]
    return one


def test_it_is_valid() -> None:
    text = make_cyclonedx(REPORT)
    assert cyclonedx_errors(text) is None
    assert (
        cyclonedx_errors(
            make_cyclonedx(dataclasses.replace(REPORT, components=(), files=None, affected=None))
        )
        is None
    )


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
    first = make_cyclonedx(REPORT, reproducible=True)
    assert first == make_cyclonedx(REPORT, reproducible=True) and cyclonedx_errors(first) is None
    assert "timestamp" not in json.loads(first)["metadata"]
    assert make_cyclonedx(REPORT) != make_cyclonedx(REPORT)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = json.loads(make_cyclonedx(REPORT, reproducible=True))
    assert dated["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    changed = dataclasses.replace(REPORT, components=REPORT.components[1:])
    assert json.loads(make_cyclonedx(changed, reproducible=True))["serialNumber"] != dated["serialNumber"]


@pytest.mark.parametrize("epoch", ["tomorrow", "-1", "9" * 30, "1.5"])
def test_a_moment_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        make_cyclonedx(REPORT, reproducible=True)
