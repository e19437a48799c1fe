"""The command line of clone: what a template may be, and what a script gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, image_of
from tests.support.fixtures import copy_fixture

DOMAIN = """<domain type='kvm'><name>old</name><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file' device='disk'><driver type='qcow2'/><source file='{disk}'/><target dev='vda'/></disk>
<interface type='network'><source network='default'/></interface>
</devices></domain>"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return copy_fixture("debian", tmp_path)[0]


def test_what_a_script_gets(template: Path, tmp_path: Path) -> None:
    (tmp_path / "clones.yaml").write_text(
        "- name: web1\n- name: web2\n  hostname: db\n  customize: [write-file /etc/role:db]\n"
    )
    words = ("--table", tmp_path / "clones.yaml", "--unprepared", "--linked", "--engine", "direct")
    ran = imgtools("clone", template, *words, "--write-file", "/etc/site:here", "--json")
    assert ran.json["schema"] == "imgtools.clone/1" and ran.json["engine"] == "direct"
    first, second = ran.data["clones"]
    assert first["paths"] == [str(tmp_path / "web1.qcow2")]
    assert (first["hostname"], second["hostname"]) == ("web1", "db")
    assert (first["domain"], first["macs"]) == ("", [])
    for path in (first["paths"][0], second["paths"][0]):
        assert imgtools("cat", path, "/etc/site").out == "here"
    assert imgtools("cat", second["paths"][0], "/etc/role").out == "db"
    assert imgtools("cat", first["paths"][0], "/etc/role", code=25).out == ""


def test_a_pipe_gets_a_line_a_file(template: Path, tmp_path: Path) -> None:
    ran = imgtools("clone", template, "-n", "a", "-n", "b", "--unprepared", "-O", "raw")
    assert ran.out == f"Clone\tFile\na\t{tmp_path}/a.raw\nb\t{tmp_path}/b.raw\n"


def test_a_domain_in_a_file_needs_no_libvirt(template: Path, tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_text(DOMAIN.format(disk=template))
    (tmp_path / "clones.csv").write_text("name,mac\nnew,52:54:00:aa:bb:cc\n")
    words = ("--domain-xml", tmp_path / "old.xml", "--xml-dir", tmp_path, "--table", tmp_path / "clones.csv")
    (one,) = imgtools("clone", *words, "--sysprep", "--linked", "--json").data["clones"]
    xml = (tmp_path / "new.xml").read_text()
    assert one["definition"] == str(tmp_path / "new.xml") and one["macs"] == ["52:54:00:aa:bb:cc"]
    assert all(
        text in xml for text in ("<name>new</name>", one["uuid"], "52:54:00:aa:bb:cc", one["paths"][0])
    )


def test_clones_elsewhere_are_opened_by_what_their_note_says(tmp_path: Path) -> None:
    templates, folder = tmp_path / "templates", tmp_path / "clones"
    templates.mkdir(), folder.mkdir()
    base = image_of(bytes(MIB), templates / "t.qcow2", "qcow2")
    words = ("--unprepared", "--hostname", "", "--linked")
    ran = imgtools("clone", base, "-n", "a", *words, "--output-dir", folder)
    assert f"--backing-folder {templates} opens them" in ran.err
    clone = folder / "a.qcow2"
    assert f"--backing-folder {templates}" in imgtools("info", clone, code=12).err
    for command in ("info", "check", "map"):
        imgtools(command, "--backing-folder", folder, "--backing-folder", templates, clone)
    assert "--backing-folder" not in imgtools("clone", base, "-n", "b", *words).err


WRONG = [
    (("IMAGE",), "no clone is named"),
    (("-n", "a"), "one template is cloned"),
    (("IMAGE", "--domain", "d", "-n", "a"), "one template is cloned"),
    (("IMAGE", "--xml-dir", ".", "-n", "a"), "is about a domain"),
    (("IMAGE", "--connect", "test:///default", "-n", "a"), "--connect is about a guest of libvirt"),
    (("IMAGE", "--vol", "pool/volume", "-n", "a"), "two ways to say which image"),
    (("IMAGE", "-n", "a", "--linked", "-O", "raw"), "a linked clone is a qcow2 image"),
    (("IMAGE", "-n", "a", "--sysprep", "--unprepared"), "contradict each other"),
    (("--add", "IMAGE", "-n", "a", "--domain", "d"), "none is named"),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_does_not_fit_is_said(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    image = str(tmp_path / "disk.img")
    ran = imgtools("clone", *(image if word == "IMAGE" else word for word in words), code=2)
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


def test_addresses_of_network_cards_need_a_definition(template: Path, tmp_path: Path) -> None:
    (tmp_path / "clones.csv").write_text("name,mac\nnew,52:54:00:aa:bb:cc\n")
    ran = imgtools("clone", template, "--table", tmp_path / "clones.csv", "--unprepared", code=2)
    assert "clones.csv, line 2: 52:54:00:aa:bb:cc is for a libvirt definition" in ran.err
    assert not (tmp_path / "new.qcow2").exists()
