"""Cloning a small guest with the direct engine, and what is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import HostError, TargetExists, UnsupportedGuest, UsageError
from imgtools.records import Backing, DiskSource, Engine, ImageRequest
from imgtools.workflows.cat import read_files
from imgtools.workflows.clone import clone
from imgtools.workflows.clone_table import CloneRow, read_table
from tests.support.fixtures import copy_fixture

KEY = "root:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome web2"


def template(folder: Path) -> ImageRequest:
    (disk,) = copy_fixture("debian", folder)
    return ImageRequest((DiskSource(disk),), engine=Engine.DIRECT)


def content(image: Path, path: str) -> bytes:
    request = ImageRequest((DiskSource(image),), engine=Engine.DIRECT, backing=Backing.ANY)
    return b"".join(read_files(request, [path]))


@pytest.mark.parametrize("linked", [True, False])
def test_each_clone_has_its_own_name_and_key(tmp_path: Path, linked: bool) -> None:
    request = template(tmp_path)
    before = request.host_path.read_bytes()
    (folder := tmp_path / "clones").mkdir()
    rows = [CloneRow("web1"), CloneRow("web2", "db.example.org", KEY)]
    report = clone(request, rows, folder, linked=linked, hostname="{name}.lan", unprepared=True)
    first, second = report.clones
    assert content(first, "/etc/hostname") == b"web1.lan\n"
    assert content(second, "/etc/hostname") == b"db.example.org\n"
    assert KEY.partition(":")[2].encode() in content(second, "/root/.ssh/authorized_keys")
    assert request.host_path.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["web1.qcow2", "web2.qcow2"]


def test_a_template_that_was_never_prepared_is_refused(tmp_path: Path) -> None:
    request = template(tmp_path)
    with pytest.raises(UnsupportedGuest, match="not prepared as a template; left are"):
        clone(request, [CloneRow("web1")], tmp_path)
    assert not (tmp_path / "web1.qcow2").exists()


def test_one_bad_clone_and_none_is_made(tmp_path: Path) -> None:
    request = template(tmp_path)
    rows = [CloneRow("web1"), CloneRow("web2", ssh_key="nobody-here:" + KEY.partition(":")[2])]
    with pytest.raises(UsageError, match="no user 'nobody-here'"):
        clone(request, rows, tmp_path, linked=True, unprepared=True)
    (tmp_path / "web2.qcow2").write_bytes(b"mine")
    with pytest.raises(TargetExists):
        clone(request, [CloneRow("web1"), CloneRow("web2")], tmp_path, linked=True, unprepared=True)
    assert (tmp_path / "web2.qcow2").read_bytes() == b"mine"
    assert not (tmp_path / "web1.qcow2").exists()


@pytest.mark.parametrize("names", [["a", "a"], ["../a"], ["-a"], [""]])
def test_names_are_file_names_and_each_comes_once(tmp_path: Path, names: list[str]) -> None:
    request = ImageRequest((DiskSource(tmp_path / "none.img"),))
    with pytest.raises(UsageError):
        clone(request, [CloneRow(name) for name in names], tmp_path)


TABLES = {
    "t.csv": f"name,ssh_key,hostname\nweb1,{KEY},\n\nweb2,,db\n",
    "t.yaml": f"- name: web1\n  ssh_key: '{KEY}'\n- name: web2\n  hostname: db\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_the_same_in_either_format(tmp_path: Path, name: str) -> None:
    (file := tmp_path / name).write_text(TABLES[name])
    assert read_table(file) == (CloneRow("web1", ssh_key=KEY), CloneRow("web2", "db"))


BAD = [
    ("t.csv", "name,hostname\nweb1\n", "t.csv, line 2: 1 fields, and 2 columns"),
    ("t.csv", "name,colour\nweb1,red\n", "line 2: no such column: 'colour'"),
    ("t.csv", "name,hostname\na,b\n,web\n", "line 3: a clone without a name"),
    ("t.csv", "name\n", "no clones"),
    ("t.yaml", "- name: a\n- just text\n", "t.yaml, line 2: not a clone"),
    ("t.yaml", "- name: a\n- name: [b]\n", "line 2: not a clone"),
    ("t.yaml", "- name: a\n  - b: c\n", "line 2: not YAML"),
    ("t.yaml", "name: a\n", "not a list of clones"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD)
def test_a_row_that_does_not_parse_is_told_by_its_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (file := tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table(file)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        read_table(tmp_path / "none.csv")
