"""Each question whose command judges: what a fleet keeps is what the command says, with the command's exit code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.ailments.breaking import put, remove
from tests.support.command import imgtools
from tests.support.disks import damage_counts
from tests.support.fixtures import copy_fixture, copy_image, fixture_image
from tests.support.fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def pair(folder: Path, harm: Callable[[Path], None]) -> None:
    """Two Debian guests, and the second of them is harmed."""
    folder.mkdir()
    image = copy_fixture("debian", folder)[0]
    image.rename(folder / "a.qcow2")
    shutil.copyfile(folder / "a.qcow2", folder / "b.qcow2")
    harm(folder / "b.qcow2")


def codes(fleet: Fleet) -> list[tuple[str, int, int]]:
    """Of each image whether it has an answer, and the exit code that the command would have."""
    asked = (
        "SELECT i.path, a.ok, a.exit_code FROM answers a JOIN images i ON i.id = a.image_id ORDER BY i.path"
    )
    return [(Path(path).stem, ok, code) for path, ok, code in fleet.rows(asked)]


def test_check(fleet: Fleet) -> None:
    pair(fleet.folder / "images", lambda image: damage_counts(image, leak=True, corrupt=True))
    (fleet.folder / "images" / "c.raw").write_bytes(bytes(510) + b"\x55\xaa")
    ran = fleet.run("run", "check", "--", "images", code=1)
    assert "1 UnsupportedFormat" in ran.err
    assert codes(fleet) == [("a", 1, 0), ("b", 1, 1), ("c", 0, 14)]
    (whole, harmed) = fleet.rows(
        "SELECT clean, corruptions, leaks, allocated_clusters FROM latest_consistency ORDER BY image"
    )
    assert whole[:3] == (1, 0, 0) and harmed[:3] == (0, 2, 1) and whole[3] > 0
    said = imgtools("check", "--json", fleet.folder / "images" / "b.qcow2", code=1).data["found"]
    assert [text for (text,) in fleet.rows("SELECT text FROM complaints ORDER BY position")] == said[
        "complaints"
    ]


def test_verify(fleet: Fleet) -> None:
    folder = fleet.folder / "images"
    pair(folder, lambda image: put(image, {"/bin/cat": b"another program"}))
    copy_image(fixture_image("windows"), folder)
    ran = fleet.run("run", "verify", "--", "images", code=1)
    assert "1 UnsupportedGuest (exit code 24)" in ran.err
    data = imgtools("verify", "--json", folder / "b.qcow2", code=None)
    assert codes(fleet) == [("a", 1, 0), ("b", 1, data.code), ("windows", 0, 24)]
    rows = fleet.rows(
        "SELECT image, package_format, packages, files, intact FROM latest_verified ORDER BY image"
    )
    assert rows[1][1:] == ("deb", *(data.data[name] for name in ("packages", "files", "intact")))
    altered = fleet.rows("SELECT package, path, what FROM altered_files")
    assert altered == [
        tuple(one[name] for name in ("package", "path", "what")) for one in data.data["findings"]
    ]


def test_diagnose(fleet: Fleet) -> None:
    pair(
        fleet.folder / "images",
        lambda image: remove(image, "/sbin/init", "/bin/sh", "/bin/init", "/etc/init"),
    )
    fleet.run("run", "diagnose", "--", "images")
    assert codes(fleet) == [("a", 1, 0), ("b", 1, 1)]
    assert fleet.rows("SELECT sound, likely_cause FROM latest_diagnoses ORDER BY image") == [
        (1, ""), (0, "init-missing"),
    ]  # fmt: skip
    (first, *_) = fleet.rows("SELECT station, finding, severity, path, repair, advice FROM boot_findings")
    assert first[:4] == ("init", "init-missing", "broken", "/sbin/init") and (first[4] or first[5])
    states = (
        "SELECT state, count(*) FROM latest_stations WHERE station = 'init' GROUP BY state ORDER BY state"
    )
    assert fleet.rows(states) == [("broken", 1), ("sound", 1)]


def test_sbom(fleet: Fleet) -> None:
    image = copy_fixture("rocky", fleet.folder)[0]
    fleet.run("run", "sbom", "--", image)
    components = imgtools("sbom", "--json", image).data["components"]
    found = fleet.rows(
        "SELECT type, name, version, purl, license, supplier FROM components ORDER BY position"
    )
    assert found and found == [
        (one["kind"], one["name"], one["version"], one["purl"], ",".join(one["licenses"]), one["supplier"])
        for one in components
    ]
    (bash,) = fleet.rows(
        "SELECT purl, license FROM latest_components WHERE type = 'package' AND name = 'bash'"
    )
    assert bash[0].startswith("pkg:rpm/rocky/bash@5.1.8-6.el9_1") and bash[1] == "MIT"


def test_sysprep(fleet: Fleet) -> None:
    image = copy_fixture("debian", fleet.folder)[0]
    template = fleet.folder / "template.qcow2"
    shutil.copyfile(image, template)
    imgtools("sysprep", template, "--write")
    before = template.read_bytes()
    fleet.run("run", "sysprep", "--", image, template)
    data = imgtools("sysprep", "--verify", "--json", template, code=None)
    assert codes(fleet) == [("debian", 1, 1), ("template", 1, data.code)]
    (old, new) = fleet.rows(
        "SELECT fit, operations_left, files, complete FROM latest_templates ORDER BY image"
    )
    assert old[0] == 0 and old[1] > new[1] and old[2] > 0 and old[3] == 1
    assert new[:2] == (int(data.data["fit"]), len(data.data["left"]))
    leftovers = fleet.rows(
        "SELECT operation, path, text FROM latest_leftovers WHERE image LIKE '%debian.qcow2'"
    )
    assert ("backup-files", "/etc/fstab~", "remove /etc/fstab~ (21)") in leftovers
    traces = fleet.rows(
        "SELECT kind, path, stays, reason FROM latest_machine_traces WHERE image LIKE '%debian.qcow2'"
    )
    assert traces and all(bool(reason) == bool(stays) for _, _, stays, reason in traces)
    assert template.read_bytes() == before, "it only looks"
