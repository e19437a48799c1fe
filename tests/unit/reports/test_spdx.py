"""SPDX 2.3: valid by the library's validator, and nothing of the guest is lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from imgtools.door.materials import sbom_document
from tests.support.materials import (
    COMPONENTS,
    FILES,
    NPM,
    PACKAGE,
    REPORT,
    by_spdx_tools,
    spdx_errors,
    spdx_purls,
    without_order,
)


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(sbom_document(REPORT, "spdx"))


def package(document: Any, name: str) -> Any:
    return next(one for one in document["packages"] if one["name"] == name)


def test_it_is_valid(tmp_path: Path) -> None:
    assert spdx_errors(sbom_document(REPORT, "spdx"), tmp_path) == []
    assert (
        spdx_errors(sbom_document(dataclasses.replace(REPORT, components=(), files=None), "spdx"), tmp_path)
        == []
    )


def test_the_library_reads_it_and_writes_the_same(tmp_path: Path) -> None:
    ours = sbom_document(REPORT, "spdx")
    assert without_order(json.loads(ours)) == without_order(json.loads(by_spdx_tools(ours, tmp_path)))


def test_every_component_and_file_is_there_once(document: Any) -> None:
    assert document["spdxVersion"] == "SPDX-2.3"
    assert len({one["SPDXID"] for one in document["packages"]}) == len(COMPONENTS) + 1  # and the image
    assert len({one["SPDXID"] for one in document["files"]}) == len(FILES)
    assert spdx_purls(json.dumps(document)) == sorted(one.purl for one in COMPONENTS if one.purl)


def test_licences_without_a_name_get_one_each(document: Any) -> None:
    assert package(document, "bash")["licenseDeclared"] == "GPL-3.0-or-later AND LicenseRef-public-domain"
    texts = {one["licenseId"]: one["extractedText"] for one in document["hasExtractedLicensingInfos"]}
    assert texts["LicenseRef-public-domain"] == "public-domain"
    assert sorted(texts.values()) == ["Mine and yours", "Mine-and yours", "public-domain"]


def test_who_holds_what(document: Any) -> None:
    held = {one["relatedSpdxElement"]: one["spdxElementId"] for one in document["relationships"]
            if one["relationshipType"] == "CONTAINS"}  # fmt: skip
    system = package(document, "debian")["SPDXID"]
    assert held[system] == "SPDXRef-Image"
    assert held[package(document, "grub2")["SPDXID"]] == system
    bashes = {one["SPDXID"] for one in document["packages"] if one["name"] == "bash"}
    assert held[package(document, NPM.name)["SPDXID"]] in bashes


def test_advisories(document: Any) -> None:
    references = package(document, "bash")["externalRefs"]
    links = [one["referenceLocator"] for one in references if one["referenceType"] == "advisory"]
    assert links == [
        "https://osv.dev/vulnerability/DSA-1-1",
        "https://security-tracker.debian.org/tracker/CVE-2024-1",
    ]
    assert PACKAGE.purl in [one["referenceLocator"] for one in references]


def test_reproducible(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = sbom_document(REPORT, "spdx", reproducible=True)
    assert first == sbom_document(REPORT, "spdx", reproducible=True) and spdx_errors(first, tmp_path) == []
    assert json.loads(first)["creationInfo"]["created"] == "1970-01-01T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert (
        json.loads(sbom_document(REPORT, "spdx", reproducible=True))["creationInfo"]["created"]
        == "2023-11-14T22:13:20Z"
    )
