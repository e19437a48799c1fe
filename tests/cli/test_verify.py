"""What `imgtools verify` shows, refuses and restores; what it finds is in tests/unit/workflows/test_verify.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import imgtools as door
from fixtures.ailments.breaking import put, remove
from fixtures.cache import digest_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.packages import deb_of

INFO = "/var/lib/dpkg/info"
PROGRAM, SOURCE = b"\x7fELF program", b"a=b\n"
STATUS = (
    "Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\nConffiles:\n"
    f" /etc/tool.conf {hashlib.md5(SOURCE, usedforsecurity=False).hexdigest()}\n"
)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian fixture with a package whose files are as they should be."""
    image = copy_fixture("debian", tmp_path_factory.mktemp("clean"))[0]
    digest = hashlib.md5(PROGRAM, usedforsecurity=False).hexdigest()
    put(
        image,
        {
            "/var/lib/dpkg/status": STATUS.encode(),
            f"{INFO}/tool.list": b"/.\n/usr\n/usr/bin\n/usr/bin/tool\n/etc\n/etc/tool.conf\n",
            f"{INFO}/tool.md5sums": f"{digest}  usr/bin/tool\n".encode(),
            "/usr/bin/tool": PROGRAM,
            "/etc/tool.conf": SOURCE,
        },
    )
    return image


@pytest.fixture(scope="module")
def changed(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("changed") / "changed.qcow2"
    image.write_bytes(clean.read_bytes())
    put(image, {"/usr/bin/tool": b"\x7fELF prograx", "/etc/tool.conf": b"a=c\n"})
    return image


def test_a_clean_guest_is_0_and_not_written(clean: Path) -> None:
    before = digest_of(clean)
    ran = imgtools("verify", clean, "--json")
    assert ran.json["schema"] == "imgtools.verify/1" and ran.json["engine"] == "direct"
    assert (ran.data["intact"], ran.data["findings"], ran.data["packages"], ran.data["hashed"]) == (
        True,
        [],
        1,
        2,
    )
    assert digest_of(clean) == before


def test_a_changed_file_is_1_and_configuration_is_told_apart(changed: Path) -> None:
    ran = imgtools("verify", changed, "--json", code=1)
    assert [(one["path"], one["what"], one["is_config"]) for one in ran.data["findings"]] == [
        ("/etc/tool.conf", "changed", True),
        ("/usr/bin/tool", "changed", False),
    ]


def test_a_pipe_gets_a_row_a_finding(changed: Path) -> None:
    rows = [line.split("\t") for line in imgtools("verify", changed, code=1).out.splitlines()]
    assert rows[0] == ["Package", "Difference", "Kind", "Path", "Expected", "Found"]
    assert [row[:4] for row in rows[1:]] == [
        ["tool", "changed", "configuration", "/etc/tool.conf"],
        ["tool", "changed", "", "/usr/bin/tool"],
    ]


def test_changed_configuration_alone_is_0_and_1_if_asked_for(clean: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    image.write_bytes(clean.read_bytes())
    put(image, {"/etc/tool.conf": b"a=c\n"})
    assert len(imgtools("verify", image, "--json").data["findings"]) == 1
    imgtools("verify", image, "--config", code=1)


def test_files_that_no_package_owns(clean: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    image.write_bytes(clean.read_bytes())
    before = imgtools("verify", image, "--extra", "--json", code=1).data[
        "findings"
    ]  # of a fixture's skeleton
    put(image, {"/usr/bin/evil": b"evil", "/usr/local/bin/own": b"own"})
    found = imgtools("verify", image, "--extra", "--json", code=1).data["findings"]
    assert [one["path"] for one in found if one not in before] == ["/usr/bin/evil"]


def test_a_clean_guest_is_0() -> None:
    assert imgtools("verify", fixture_image("debian"), "--json").data["findings"] == []


def test_a_lost_database_is_20_and_named(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    imgtools("rm", image, f"{INFO}/curl.list", "--write")
    assert f"{INFO}/curl.list is not there" in imgtools("verify", image, code=20).err


def test_a_windows_is_24_and_why_is_said() -> None:
    assert "not covered" in imgtools("verify", fixture_image("windows"), code=24).err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--package", "tol"), 26, "did you mean tool?"),
        (("--package", "tool", "--extra"), 2, "--package"),
        (("--restore",), 2, "--package-file"),
        (("--package-file", "x.deb"), 2, "--restore"),
        (("--restore", "--package-file", "x.deb", "--extra"), 2, "--restore"),
        (("--write",), 2, "--restore"),
        (("--restore", "--package-file", "/nowhere/x.deb"), 3, "/nowhere/x.deb"),
    ],
)
def test_what_is_refused(clean: Path, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in imgtools("verify", clean, *words, code=code).err


def test_restore_shows_a_plan_and_writes_it_when_told(changed: Path, tmp_path: Path) -> None:
    image, package = tmp_path / "image.qcow2", tmp_path / "tool_1-1_amd64.deb"
    image.write_bytes(changed.read_bytes())
    package.write_bytes(deb_of({"/usr/bin/tool": PROGRAM, "/etc/tool.conf": SOURCE}))
    before = digest_of(image)
    words = ("--restore", "--package-file", package)
    ran = imgtools("verify", image, *words, "--json")
    assert (ran.data["written"], ran.data["changed"]) == (False, True)
    assert "/usr/bin/tool" in json.dumps(ran.data["changes"]) and digest_of(image) == before
    imgtools("verify", image, *words, "--write")
    left = imgtools("verify", image, "--json").data["findings"]
    assert [one["path"] for one in left] == ["/etc/tool.conf"]  # somebody's choice
    imgtools("verify", image, *words, "--config", "--write")
    assert imgtools("verify", image, "--config", "--json").data["findings"] == []


def test_the_door_says_the_same(changed: Path) -> None:
    report = door.verify(changed, "tool")
    assert not report.intact
    assert [(one.path, str(one.what)) for one in report.code] == [("/usr/bin/tool", "changed")]
    with pytest.raises(door.errors.NotInGuest):
        door.verify(changed, "nothing")


def test_a_removed_file_is_missing(clean: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    image.write_bytes(clean.read_bytes())
    remove(image, "/usr/bin/tool")
    ran = imgtools("verify", image, "--json", code=1)
    assert [(one["path"], one["what"]) for one in ran.data["findings"]] == [("/usr/bin/tool", "missing")]
