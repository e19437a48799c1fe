"""What `imgtools sbom` shows, writes and refuses; its readers are tested in tests/unit/guest/packages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import imgtools as door
from fixtures.cache import digest_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.materials import cyclonedx_errors, spdx_errors, spdx_purls


def osv(name: str, ecosystem: str = "Debian:12") -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999:1-1"}]}]
    package = {"ecosystem": ecosystem, "name": name}
    return {
        "id": "X-1",
        "summary": "a hole",
        "modified": "",
        "affected": [{"package": package, "ranges": ranges}],
    }


@pytest.fixture(scope="module")
def document() -> Any:
    return imgtools("sbom", fixture_image("debian")).json


def test_a_pipe_gets_cyclonedx_that_is_valid(document: Any) -> None:
    assert document["bomFormat"] == "CycloneDX" and document["specVersion"] == "1.6"
    assert cyclonedx_errors(json.dumps(document)) is None
    assert document["metadata"]["component"]["name"] == fixture_image("debian").name


def test_the_packages_are_those_of_inspect(document: Any) -> None:
    told = imgtools("inspect", "--json", fixture_image("debian")).data["guests"][0]["applications"]
    purls = [
        one["purl"] for one in document["components"] if one.get("purl", "").startswith("pkg:deb/debian/")
    ]
    assert sorted(one["name"] for one in told) == sorted(one.split("/")[2].split("@")[0] for one in purls)


def test_spdx_names_the_same(document: Any, tmp_path: Path) -> None:
    ran = imgtools("sbom", "--as", "spdx", fixture_image("debian"))
    assert spdx_errors(ran.out, tmp_path) == []
    assert spdx_purls(ran.out) == sorted(one["purl"] for one in document["components"] if "purl" in one)


def test_a_table_for_scripts_and_json_of_our_own(document: Any) -> None:
    lines = imgtools("sbom", "--as", "table", fixture_image("debian")).out.splitlines()
    assert lines[0].split("\t") == ["Kind", "Name", "Version", "Purl", "Licences", "Owner", "Found at"]
    data = imgtools("sbom", "--json", fixture_image("debian")).data
    assert len(lines) - 1 == len(data["components"]) == len(document["components"])
    assert data["files"] is None and data["affected"] is None
    assert {"system", "package", "kernel", "boot-loader"} <= {one["kind"] for one in data["components"]}


def test_the_same_bytes_twice_and_nothing_is_written_to_the_image() -> None:
    before = digest_of(fixture_image("debian"))
    for form in ("cyclonedx", "spdx"):
        words = ("sbom", "--reproducible", "--as", form, fixture_image("debian"))
        assert imgtools(*words).out == imgtools(*words).out
    assert digest_of(fixture_image("debian")) == before


def test_files_with_their_hashes(tmp_path: Path) -> None:
    ran = imgtools("sbom", "--files", fixture_image("debian"))
    assert cyclonedx_errors(ran.out) is None
    files = {one["name"]: one for one in ran.json["components"] if one["type"] == "file"}
    passwd = imgtools("cat", fixture_image("debian"), "/etc/passwd").out.encode()
    sums = {one["alg"]: one["content"] for one in files["/etc/passwd"]["hashes"]}
    done = subprocess.run(["sha256sum"], input=passwd, capture_output=True, check=True)
    assert sums["SHA-256"] == done.stdout.split()[0].decode()
    assert (
        spdx_errors(imgtools("sbom", "--files", "--as", "spdx", fixture_image("debian")).out, tmp_path) == []
    )


def test_a_file_is_written_whole_and_never_replaced_unasked(tmp_path: Path) -> None:
    target = tmp_path / "bom.json"
    words = ("sbom", fixture_image("debian"), "--output-file", target, "--reproducible")
    assert imgtools(*words).out == ""
    first = target.read_text()
    assert json.loads(first)["bomFormat"] == "CycloneDX"
    imgtools(*words, code=15)
    imgtools(*words, "--overwrite", "--as", "spdx")
    assert json.loads(target.read_text())["spdxVersion"] == "SPDX-2.3"


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "--as", "spdx"),
        ("--json", "--output-file", "x.json"),
        ("--as", "table", "--output-file", "x.json"),
        ("--as", "table", "--reproducible"),
        ("--overwrite",),
        ("--as", "cyclone"),
    ],
)
def test_words_that_do_not_go_together(words: tuple[str, ...]) -> None:
    imgtools("sbom", fixture_image("debian"), *words, code=2)


def test_advisories_are_1_and_none_is_0(tmp_path: Path) -> None:
    place = tmp_path / "osv.json"
    place.write_text(json.dumps(osv("openssh")))
    ran = imgtools("sbom", "--vulnerabilities", place, fixture_image("debian"), code=1)
    assert cyclonedx_errors(ran.out) is None
    assert [one["id"] for one in ran.json["vulnerabilities"]] == ["X-1"] and "1 advisories" in ran.err
    rows = imgtools("sbom", "--as", "table", "--vulnerabilities", place, fixture_image("debian"), code=1).out
    assert rows.splitlines()[1].split("\t")[0] == "X-1" and "999:1-1" in rows
    place.write_text(json.dumps(osv("nothing-of-that-name")))
    assert "vulnerabilities" not in imgtools("sbom", "--vulnerabilities", place, fixture_image("debian")).json


def test_data_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    ran = imgtools("sbom", "--vulnerabilities", tmp_path, fixture_image("debian"), code=3)
    assert "x.json" in ran.err and ran.out == ""


def test_a_damaged_database_is_20_and_taken_if_that_is_meant(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    imgtools("write", image, "/var/lib/dpkg/info/lost.list", "--content", "/.\n", "--write", "--parents")
    ran = imgtools("sbom", image, code=20)
    assert "lost" in ran.err and "--allow-partial" in ran.err and ran.out == ""
    ran = imgtools("sbom", image, "--allow-partial")
    assert "lost" in ran.err and len(ran.json["components"]) >= 3


@pytest.mark.parametrize(
    ("name", "purl"),
    [
        ("rocky", "pkg:rpm/rocky/"),
        ("opensuse", "pkg:rpm/opensuse-leap/"),
        ("alpine", "pkg:apk/alpine/"),
        ("arch", "pkg:alpm/arch/"),
    ],
)
def test_other_distributions(name: str, purl: str, tmp_path: Path) -> None:
    ran = imgtools("sbom", fixture_image(name))
    assert cyclonedx_errors(ran.out) is None
    assert sum(one.get("purl", "").startswith(purl) for one in ran.json["components"]) >= 3
    assert spdx_errors(imgtools("sbom", "--as", "spdx", fixture_image(name)).out, tmp_path) == []


def test_windows(tmp_path: Path) -> None:
    ran = imgtools("sbom", fixture_image("windows"))
    assert cyclonedx_errors(ran.out) is None
    kinds = {one["value"] for each in ran.json["components"] for one in each.get("properties", ())}
    assert {"system", "program"} <= kinds
    assert spdx_errors(imgtools("sbom", "--as", "spdx", fixture_image("windows")).out, tmp_path) == []


def test_programs_get_the_same(document: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    found = door.sbom(fixture_image("debian"))
    assert found.affected is None and len(found.components) == len(document["components"])
    words = ("sbom", "--reproducible", fixture_image("debian"))
    assert door.sbom_document(found, reproducible=True) == imgtools(*words).out
    assert json.loads(door.sbom_document(found, "spdx"))["spdxVersion"] == "SPDX-2.3"
