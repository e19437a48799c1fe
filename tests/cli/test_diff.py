"""imgtools diff, on images: what was planted is found, and nothing else."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.edits import plan_file
from tests.support.fixtures import copy_image, fixture_image, overlay_image

# One of every kind, as changes of a plan: what they are on, and what a comparison says of it.
PLANTED: list[tuple[dict[str, object], str, list[str]]] = [
    ({"kind": "write-file", "path": "/etc/mailname", "content": "planted\n"}, "changed", ["content"]),
    ({"kind": "write-file", "path": "/srv/new", "content": "new\n"}, "added", []),
    ({"kind": "make-directory", "path": "/srv/folder", "mode": "0750"}, "added", []),
    ({"kind": "make-link", "path": "/srv/link", "target": "/etc/motd"}, "added", []),
    ({"kind": "set-mode", "path": "/etc/hosts", "mode": "0600"}, "changed", ["mode"]),
    ({"kind": "set-owner", "path": "/etc/fstab", "uid": 33, "gid": 34}, "changed", ["owner"]),
    (
        {"kind": "set-xattr", "path": "/etc/hostname", "name": "user.planted", "value": "MQ=="},
        "changed",
        ["xattrs"],
    ),
]


def planted(image: Path, folder: Path) -> None:
    """Change a copy of the Debian fixture in every way."""
    changes = [change for change, _became, _details in PLANTED]
    imgtools("apply", image, plan_file(folder, changes), "--write", "--no-check")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The Debian fixture and an overlay on it with what is planted."""
    folder = tmp_path_factory.mktemp("pair")
    overlay = overlay_image("debian", folder)
    planted(overlay, folder)
    (base,) = (one for one in folder.iterdir() if one.name == fixture_image("debian").name)
    return base, overlay


def files(data: object) -> dict[str, tuple[str, list[str]]]:
    return {one["path"]: (one["became"], one["details"]) for one in data["files"]}  # type: ignore[index]


EXPECTED = {str(change["path"]): (became, details) for change, became, details in PLANTED}


@pytest.mark.parametrize("compare", ["changed", "all"])
def test_what_was_planted_is_found_and_nothing_else(pair: tuple[Path, Path], compare: str) -> None:
    data = imgtools("diff", *pair, "--json", "--compare", compare, code=1).data
    assert files(data) == EXPECTED
    assert data["shared"] and not data["same"] and not data["incomplete"]


def test_the_other_way_round(pair: tuple[Path, Path]) -> None:
    data = imgtools("diff", *reversed(pair), "--json", code=1).data
    swapped = {"added": "removed", "removed": "added", "changed": "changed"}
    assert files(data) == {path: (swapped[became], details) for path, (became, details) in EXPECTED.items()}


def test_copies_without_a_backing_file_in_common(pair: tuple[Path, Path], tmp_path: Path) -> None:
    flat = tmp_path / "flat.raw"
    qemu_img("convert", "-O", "raw", pair[1], flat)
    data = imgtools("diff", pair[0], flat, "--json", "--compare", "all", code=1).data
    assert files(data) == EXPECTED and not data["shared"]


def test_a_copy_is_the_same(pair: tuple[Path, Path], tmp_path: Path) -> None:
    ran = imgtools("diff", pair[0], copy_image(pair[0], tmp_path))
    assert len(ran.out.splitlines()) == 1 and "no differences" in ran.err


def test_an_internal_snapshot_against_the_present(tmp_path: Path) -> None:
    image = tmp_path / "disk.qcow2"
    qemu_img("convert", "-O", "qcow2", fixture_image("debian"), image)
    qemu_img("snapshot", "-c", "before", image)
    planted(image, tmp_path)
    data = imgtools("diff", image, "--snapshot", "before", image, "--json", code=1).data
    assert files(data) == EXPECTED
    assert imgtools("diff", image, "--other-snapshot", "before", "--json", code=1).data["files"]


def test_a_guest_and_a_folder(pair: tuple[Path, Path], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    imgtools("copy-out", pair[0], "/etc", root)
    (root / "etc" / "mailname").write_text("another\n")
    data = imgtools(
        "diff", pair[0], root, "--path", "/etc/mailname", "--path", "/etc/crontab", "--json", code=1
    ).data
    details = {path: details for path, (_became, details) in files(data).items()}
    assert "content" in details.pop("/etc/mailname")
    assert all("content" not in one for one in details.values())


def test_text_for_a_pipe(pair: tuple[Path, Path]) -> None:
    lines = imgtools("diff", *pair, "--only", "files", code=1).out.splitlines()
    assert lines[0].split("\t") == ["Change", "About", "Name", "What"]
    assert "changed\tfile\t/etc/hosts\tmode 0644 -> 0600" in lines
    assert "added\tfile\t/srv/link\tlrwxrwxrwx 0:0 -> /etc/motd" in lines
    shown = imgtools("diff", *pair, "--path", "/etc/mailname", "--content", code=1).out
    assert "+planted\n" in shown


def test_configuration_is_told_node_by_node(tmp_path: Path) -> None:
    overlay = overlay_image("debian", tmp_path)
    (base,) = (one for one in tmp_path.iterdir() if one.name == fixture_image("debian").name)
    changes = [
        {"kind": "write-file", "path": "/etc/hosts", "content": "192.0.2.9 planted\n"},
        {"kind": "write-file", "path": "/etc/hostname", "content": "planted\n"},
    ]
    imgtools("apply", overlay, plan_file(tmp_path, changes), "--write")
    facts = imgtools("diff", base, overlay, "--only", "facts", "--json", code=1).data["facts"]
    names = {(one["about"], one["name"], one["new"]) for one in facts}
    assert ("system", "hostname", "planted") in names
    assert ("configuration", "/files/etc/hosts/1/canonical", "planted") in names


def test_windows_and_its_registry(tmp_path: Path) -> None:
    image = copy_image(fixture_image("windows"), tmp_path)
    key = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
    imgtools("registry", "set", image, key, "PlantedName", "planted", "--write")
    imgtools("registry", "set", image, key, "PlantedPassword", "hunter2", "--write")
    ran = imgtools("diff", fixture_image("windows"), image, "--json", code=1)
    registry = {
        one["name"].rpartition("\\")[2]: one for one in ran.data["facts"] if one["about"] == "registry"
    }
    assert registry["PlantedName"]["became"] == "added" and registry["PlantedName"]["new"] == "planted"
    assert registry["PlantedPassword"]["hidden"] and "hunter2" not in ran.out
    assert set(registry) == {"PlantedName", "PlantedPassword"}


# -- what it refuses -----------------------------------------------------------------------------------------------


def test_the_same_file_twice(pair: tuple[Path, Path], tmp_path: Path) -> None:
    link = tmp_path / "link.img"
    link.symlink_to(pair[0])
    for other in (pair[0], link):
        ran = imgtools("diff", pair[0], other, code=2)
        assert "are the same file" in ran.err.splitlines()[0]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("OTHER", "--checksum", "crc"),
        ("OTHER", "--exclude", ""),
        ("OTHER", "--path", "/etc", "--only", "facts"),
        ("OTHER", "--content", "--compare", "times"),
        ("OTHER", "--other-add", "OTHER"),
        ("FOLDER", "--other-format", "raw"),
        ("FOLDER", "--other-snapshot", "x"),
    ],
)
def test_words_that_do_not_fit_together(
    pair: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...]
) -> None:
    named = {"OTHER": pair[1], "FOLDER": tmp_path}
    imgtools("diff", pair[0], *(named.get(word, word) for word in words), code=2)


def test_two_folders(tmp_path: Path) -> None:
    imgtools("diff", tmp_path, tmp_path.parent, code=2)


def test_a_path_in_neither(pair: tuple[Path, Path]) -> None:
    imgtools("diff", *pair, "--path", "/gone", code=25)


def test_what_is_no_image(pair: tuple[Path, Path], tmp_path: Path) -> None:
    imgtools("diff", pair[0], tmp_path / "gone", code=3)
    assert imgtools("diff", pair[0], pair[1], "--other-format", "vdi", code=10).err


# -- another reader ------------------------------------------------------------------------------------------------


def test_it_agrees_with_a_comparison_file_by_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Both guests are unpacked by tar, and the folders compared by os: content, kind, mode, owner, link."""
    roots = []
    for number, image in enumerate(pair):
        root = tmp_path / str(number)
        root.mkdir()
        imgtools("tar-out", image, "/", tmp_path / f"{number}.tar")
        subprocess.run(
            ["tar", "-xpf", tmp_path / f"{number}.tar", "-C", root, "--numeric-owner"],
            check=os.geteuid() == 0,
        )
        roots.append(root)
    seen = [_facts(root) for root in roots]
    theirs = {path for path in seen[0].keys() | seen[1].keys() if seen[0].get(path) != seen[1].get(path)}
    ours = set(files(imgtools("diff", *pair, "--json", code=1).data))
    assert ours - theirs == {"/etc/hostname"}  # of which only an attribute differs
    assert theirs - ours == set()


def _facts(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        one = path.lstat()
        kind = stat.S_IFMT(one.st_mode)
        content = (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(kind) else None
        )
        found["/" + str(path.relative_to(root))] = (
            kind,
            one.st_mode & 0o7777,
            one.st_uid,
            one.st_gid,
            content,
        )
    return found


def test_json_says_what_differs(pair: tuple[Path, Path]) -> None:
    ran = imgtools("diff", *pair, "--path", "/etc/mailname", "--checksum", "sha256", "--json", code=1)
    document = json.loads(ran.out)
    (one,) = document["data"]["files"]
    assert document["schema"] == "imgtools.diff/1" and document["data"]["facts"] == []
    assert len(one["old"]["checksum"]) == len(one["new"]["checksum"]) == 64
