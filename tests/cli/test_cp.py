"""imgtools cp, as it is typed: between two images and within one, held against the kernel's own tools for ext4."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from imgtools.cli.cp import split_word
from imgtools.errors import UsageError
from imgtools.workflows import cp
from tests.support.command import imgtools
from tests.support.edits import digest


def make_image(folder: Path, name: str, files: dict[str, str], image_name: str = "") -> Path:
    """An ext4 image with a small system and some files."""
    top = folder / f"{name}.tree"
    files = {"etc/os-release": 'ID=debian\nVERSION_ID="12"\n', "etc/fstab": "", "srv/kept": "kept\n", **files}
    files |= {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\n", "bin/sh": ""}
    for path, content in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(content)
    odd = top / "data"
    if odd.is_dir():
        os.link(odd / "one", odd / "second")
        (odd / "link").symlink_to("one")
        with (odd / "sparse").open("wb") as file:
            file.truncate(8 << 20)
            file.seek(4 << 20)
            file.write(b"x" * 5000)
        (odd / "one").chmod(0o4750)
        os.utime(odd / "one", ns=(5, 1_700_000_000_123_456_789))
    image = folder / (image_name or f"{name}.img")
    image.parent.mkdir(exist_ok=True)
    command = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", str(top), str(image), "48M"]
    subprocess.run(command, check=True, capture_output=True)
    for words in ("set_inode_field /data/one uid 1234", "ea_set /data/one user.note hello"):
        if odd.is_dir():
            subprocess.run(["debugfs", "-w", "-R", words, str(image)], check=True, capture_output=True)
    return image


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """An image with files to copy, and one to copy them to."""
    files = {
        "data/one": "1\n",
        "data/deep/two": "2\n",
        "data/\x1b[31m": "red\n",
        "etc/a.conf": "a\n",
        "etc/b.conf": "b\n",
    }
    return make_image(tmp_path, "first", files), make_image(tmp_path, "other", {"srv/data/old": "old\n"})


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("A:/data/none", "B:/srv"), 25, "no such file in the guest: /data/none"),
        (("A:/etc/*.none", "B:/srv"), 25, "nothing in the guest matches: /etc/*.none"),
        (("A:/etc/*.conf", "B:/srv/kept"), 25, "not a directory in the guest: /srv/kept"),
        (("A:/data/one", "B:/none/there"), 25, "no such directory in the guest: /none"),
        (("A:/data/one", "B:/new/"), 25, "not a directory in the guest: /new"),
        (("A:/data/one", "A:/data/one"), 40, "/data/one is there already"),
        (("A:/data", "A:/data/deep"), 40, "a directory cannot go into itself"),
        (("A:/data/one", "B:/data/one", "A:/srv"), 2, "is another"),
        (("A:/data/one",), 2, ""),
        (("A:/data/one", "none.img:/srv"), 3, "none.img"),
        (("A:/data/one", "/srv", "--other-format", "raw"), 2, "--other-format"),
        (("A:/etc/a.conf", "A:/data/../etc/a.conf", "A:/etc/a*", "B:/srv/kept/x"), 25, "/srv/kept"),
    ],
)
def test_what_is_refused_changes_nothing(
    pair: tuple[Path, Path], words: tuple[str, ...], code: int, says: str
) -> None:
    before = [digest(image) for image in pair]
    typed = [word.replace("A:", f"{pair[0]}:").replace("B:", f"{pair[1]}:") for word in words]
    ran = imgtools("cp", *typed, "--write", code=code)
    assert says in ran.err
    assert "\x1b" not in ran.err
    assert [digest(image) for image in pair] == before


def test_two_copies_of_one_name_are_refused(pair: tuple[Path, Path]) -> None:
    ran = imgtools("cp", f"{pair[0]}:/data/one", f"{pair[0]}:/data/deep/../one", f"{pair[1]}:/srv")
    assert ran.out.count("/srv/one") >= 1  # the same file, named twice, is one
    imgtools("cp", f"{pair[0]}:/data/deep/two", f"{pair[0]}:/data", "--write")
    ran = imgtools("cp", f"{pair[0]}:/data/two", f"{pair[0]}:/data/deep/two", f"{pair[1]}:/srv", code=40)
    assert "two copies would be called two" in ran.err


def test_without_write_it_is_a_plan_with_clean_names(pair: tuple[Path, Path]) -> None:
    before = digest(pair[1])
    ran = imgtools("cp", f"{pair[0]}:/data", f"{pair[1]}:/srv")
    assert "/srv/data/deep/two" in ran.out
    assert "\x1b" not in ran.out
    assert digest(pair[1]) == before


def test_a_plan_that_is_written_down_can_be_applied(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, other = pair
    words = (f"{first}:/data/deep", f"{first}:/data/sparse", f"{first}:/etc/a.conf")
    plan = tmp_path / "plan.json"
    plan.write_text(imgtools("cp", *words, f"{other}:/srv", "--json").out)
    assert str(tmp_path) not in json.dumps(json.loads(plan.read_text())["data"]["changes"])
    subprocess.run(["cp", "--sparse=always", other, tmp_path / "copied.img"], check=True)
    imgtools("cp", *words, f"{tmp_path}/copied.img:/srv", "--write")
    imgtools("apply", other, plan, "--write")
    ours, theirs = (
        [
            {name: value for name, value in one.items() if name not in ("atime", "ctime", "inode")}
            for one in imgtools("ls", image, "/srv", "-R", "--json", "--checksum", "sha256").data["files"]
        ]
        for image in (other, tmp_path / "copied.img")
    )
    assert [one["path"] for one in ours if one["kind"] == "file"] == [
        "/srv/a.conf", "/srv/data/old", "/srv/deep/two", "/srv/kept", "/srv/sparse"
    ]  # fmt: skip
    assert [one for one in ours if one["path"] != "/srv"] == [one for one in theirs if one["path"] != "/srv"]
    rooms = imgtools("du", other, "/srv/sparse", "--json").data["folders"]
    assert [one["room"] for one in rooms] == [one["room"] for one in rooms if one["room"] <= 16384]


def test_a_plan_tells_no_secrets_and_apply_says_so(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """/data/one is for its owner and group alone."""
    plan = tmp_path / "plan.json"
    plan.write_text(imgtools("cp", f"{pair[0]}:/data/one", f"{pair[1]}:/srv", "--json").out)
    (change,) = json.loads(plan.read_text())["data"]["changes"][:1]
    assert change["private"] and "content" not in change and "content_b64" not in change
    assert "private and was left out" in imgtools("apply", pair[1], plan, "--write", code=2).err


def test_a_plan_that_is_too_large_says_so(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cp, "MOST_HELD", 3)
    ran = imgtools("cp", f"{pair[0]}:/etc/a.conf", f"{pair[0]}:/etc/b.conf", f"{pair[1]}:/srv")
    assert "cannot be applied later: 4 bytes of contents, and a plan holds 3" in ran.err


@pytest.mark.parametrize(("content", "parts"), [("four", None), ("", None), ("abc", [{"at": 0, "size": 2}])])
def test_a_plan_whose_content_is_not_of_its_size(
    pair: tuple[Path, Path], tmp_path: Path, content: str, parts: object
) -> None:
    change = {"kind": "upload", "path": "/srv/x", "host_path": "/dev/null", "size": 3, "content": content}
    (tmp_path / "plan.json").write_text(json.dumps([change | ({"parts": parts} if parts else {})]))
    assert "are to be written" in imgtools("apply", pair[1], tmp_path / "plan.json", code=2).err


def test_copies_have_all_that_the_files_had(pair: tuple[Path, Path]) -> None:
    first, other = pair
    before = digest(first)
    imgtools("cp", f"{first}:/data", f"{other}:/srv", "--write")
    assert digest(first) == before
    assert imgtools("cat", other, "/srv/data/old").out == "old\n"  # what was there stays
    theirs = {
        one["name"]: one
        for one in imgtools("ls", first, "/data", "--json", "--checksum", "sha256").data["files"]
    }
    ours = {
        one["name"]: one
        for one in imgtools("ls", other, "/srv/data", "--json", "--checksum", "sha256").data["files"]
    }
    assert set(ours) == {*theirs, "old"}
    for name, facts in theirs.items():
        for field in ("kind", "size", "mode", "uid", "gid", "mtime", "links", "target", "checksum"):
            assert ours[name][field] == facts[field] or (name == "deep" and field == "links"), (name, field)
    assert ours["one"]["inode"] == ours["second"]["inode"]
    assert (ours["one"]["uid"], ours["one"]["mode"]) == (1234, 0o4750)
    said = subprocess.run(
        ["debugfs", "-R", "ea_get /srv/data/one user.note", other], capture_output=True, text=True, check=True
    )
    assert "hello" in said.stdout
    rooms = {
        one["path"]: one["room"]
        for one in imgtools("du", other, "/srv/data/sparse", "--json").data["folders"]
    }
    assert rooms["/srv/data/sparse"] <= 16384
    fsck = subprocess.run(["e2fsck", "-fn", str(other)], capture_output=True, text=True, check=False)
    assert fsck.returncode == 0, fsck.stdout


def test_patterns_and_a_new_name(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first, other = pair
    imgtools("cp", f"{first}:/etc/?.conf", f"{other}:/srv", "--write")
    assert imgtools("cat", other, "/srv/a.conf", "/srv/b.conf").out == "a\nb\n"
    imgtools("cp", f"{first}:/data/one", f"{other}:/srv/kept", "--write")  # in the place of a file
    assert imgtools("cat", other, "/srv/kept").out == "1\n"
    imgtools("cp", f"{first}:/data/deep", f"{other}:/srv/called", "--output", tmp_path / "new.qcow2")
    assert imgtools("cat", tmp_path / "new.qcow2", "/srv/called/two").out == "2\n"


def test_within_one_guest(pair: tuple[Path, Path]) -> None:
    first = pair[0]
    imgtools("cp", f"{first}:/etc/a.conf", f"{first}:/etc/a.conf.before", "--write")
    imgtools("cp", first, "/data", "/copy", "--write")
    assert imgtools("cat", first, "/etc/a.conf.before", "/copy/deep/two").out == "a\n2\n"
    facts = imgtools("ls", first, "/copy/one", "--json").data["files"][0]
    assert (facts["uid"], facts["links"], facts["mtime"][:19]) == (1234, 2, "2023-11-14T22:13:20")


def test_images_may_have_colons_in_their_names(tmp_path: Path) -> None:
    image = make_image(tmp_path, "first", {"data/one": "1\n"}, "odd:folder/a:b.img")
    imgtools("cp", f"{image}:/data/one", f"{image}:/srv/x:/../y", "--write", code=None)
    imgtools("cp", f"{image}:/data/one", f"{image}:/srv/a:b", "--write")
    assert imgtools("cat", image, "/srv/a:b").out == "1\n"


def test_how_a_word_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.img", "a:b.img", "C", "x"):
        Path(name).write_text("")
    Path("x:").mkdir()
    Path("x:/y").write_text("")
    assert split_word("a.img:/etc") == ("a.img", "/etc")
    assert split_word("a:b.img:/etc/x:y") == ("a:b.img", "/etc/x:y")
    assert split_word(r"a.img:C:\Users") == ("a.img", r"C:\Users")
    assert split_word("/etc/hosts") == ("", "/etc/hosts")
    assert split_word(r"D:\Users") == ("", r"D:\Users")
    assert split_word("https://host:80/d.qcow2:/etc") == ("https://host:80/d.qcow2", "/etc")
    assert split_word("none.img:/etc") == ("none.img", "/etc")
    with pytest.raises(UsageError, match="2 ways"):
        split_word("x:/y:/etc")
