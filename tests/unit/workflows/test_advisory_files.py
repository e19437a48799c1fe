"""Copies of advisories on the host: files, folders, archives; and what is none."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from imgtools.errors import HostError
from imgtools.guest.find.release import parse_os_release
from imgtools.guest.packages.advisories import Subjects
from imgtools.records.components import Component, ComponentKind
from imgtools.workflows.advisory_files import match_advisories

SUBJECTS = (
    Component(ComponentKind.PACKAGE, "bash", "5.2-1", source="bash"),
    Component(ComponentKind.NPM, "@babel/core", "7.0.0", purl="pkg:npm/%40babel/core@7.0.0"),
)


def subjects(release: str = 'ID=debian\nVERSION_ID="12"\n') -> Subjects:
    return Subjects(SUBJECTS, "deb", parse_os_release(release))


def osv(number: int, name: str, ecosystem: str = "Debian:12") -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
    package = {"ecosystem": ecosystem, "name": name}
    return {"id": f"X-{number}", "modified": "", "affected": [{"package": package, "ranges": ranges}]}


def test_files_folders_and_archives(tmp_path: Path) -> None:
    folder = tmp_path / "osv" / "deep"
    folder.mkdir(parents=True)
    (folder / "one.json").write_text(json.dumps(osv(1, "bash")))
    (folder / "README.txt").write_text("not looked at")
    (tmp_path / "list.json").write_text(json.dumps([osv(2, "bash"), osv(3, "zsh")]))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("X-4.json", json.dumps(osv(4, "bash")))
        archive.writestr("X-5.json", json.dumps(osv(5, "zsh")))
        # A name that JSON may spell with backslashes.
        archive.writestr(
            "X-6.json", json.dumps(osv(6, "@babel/core", "npm")).replace("@babel/", "\\u0040babel\\/")
        )
    places = (tmp_path / "osv", tmp_path / "list.json", tmp_path / "all.zip")
    found, warnings = match_advisories(places, subjects())
    assert [one.advisory for one in found] == ["X-1", "X-2", "X-4", "X-6"] and not warnings


def test_the_same_twice_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(osv(1, "bash")))
    found, _warnings = match_advisories((tmp_path, tmp_path / "a.json"), subjects())
    assert len(found) == 1


def test_data_about_other_systems_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(osv(1, "bash", "Alpine:v3.18")))
    found, (warning,) = match_advisories((tmp_path,), subjects())
    assert not found and "none of the 1 advisories is about Debian" in warning.text
    _found, (warning,) = match_advisories((tmp_path,), subjects("ID=unheard-of\n"))
    assert "no data of advisories" in warning.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "does not parse"),
        (b"[" * 100_000, "does not parse"),
        (b"[1]", "no advisory"),
        (b'{"bomFormat": "CycloneDX"}', "no advisory"),
        (b"PK\x03\x04", "does not parse"),
        (b"\xff\xfe\x00", "does not parse"),
    ],
)
def test_what_is_no_advisory_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    place = tmp_path / "a.json"
    place.write_bytes(content)
    with pytest.raises(HostError, match=words) as refused:
        match_advisories((place,), subjects())
    assert str(place) in refused.value.message


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps(osv(1, "bash")) * 50)
    raw = bytearray(place.read_bytes())
    raw[40:60] = bytes(20)
    place.write_bytes(raw)
    with pytest.raises(HostError, match=r"damaged|cannot read"):
        match_advisories((place,), subjects())


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no advisories in"):
        match_advisories((tmp_path,), subjects())
    with pytest.raises(HostError, match="cannot read"):
        match_advisories((tmp_path / "nothing.json",), subjects())
