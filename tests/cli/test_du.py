"""imgtools du, as it is typed: held against du itself, over the same folder and over the kernel's mount."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, Node, link, memory_guest_image, serve

GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\n",
    "/etc/fstab": "",
    "/var/lib/dpkg/status": "Package: big\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n",
    "/var/lib/dpkg/info/big.list": "/.\n/opt\n/opt/big\n/bin/tool\n",
    "/opt/big": "x" * 4000,
    "/opt/deep/er/file": "y" * 300,
    "/opt/alias": link("big"),
    "/usr/bin/tool": "z" * 1000,
    "/bin": link("usr/bin"),
    "/srv/\x1b[31m/file": Node(content=b"w" * 50),
}
Run = Callable[..., Ran]


@pytest.fixture
def du(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, code: int = 0) -> Ran:
        serve(monkeypatch, "du", memory_guest_image(GUEST))
        return imgtools("du", "memory.img", *words, code=code)

    return run


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("/none",), 25, "no such file in the guest: /none"),
        (("/opt/big/x",), 25, "not a directory in the guest: /opt/big"),
        (("/", "--max-depth", "-1"), 2, "max-depth"),
        (("--packages", "--mount", "/dev/sda1"), 24, "no packages are known without a guest"),
    ],
)
def test_what_is_refused(du: Run, words: tuple[str, ...], code: int, says: str) -> None:
    ran = du(*words, code=code)
    assert says in ran.err
    assert not ran.out


def folders(ran: Ran) -> dict[str, int]:
    """The paths of a document, with their bytes."""
    return {one["path"]: one["room"] for one in ran.data["folders"]}


def test_folders_hold_what_is_below_them_and_the_largest_comes_first(du: Run) -> None:
    found = folders(du("/opt", "--json"))
    assert found == {"/opt": 4303, "/opt/deep": 300}
    assert list(found) == ["/opt", "/opt/deep"]
    assert folders(du("/opt", "--max-depth", "0", "--json")) == {"/opt": 4303}
    deep = folders(du("/opt", "--all-folders", "--json"))
    assert deep == {"/opt": 4303, "/opt/deep": 300, "/opt/deep/er": 300}
    assert folders(du("/opt/big", "--json")) == {"/opt/big": 4000}
    assert folders(du("/opt/alias", "--json")) == {"/opt/alias": 3}  # a link itself, as du


def test_packages_own_files_where_they_really_are(du: Run) -> None:
    found = {one["package"]: one["room"] for one in du("--packages", "--json").data["packages"]}
    assert found["big"] == 5000
    assert sum(found.values()) == folders(du("--json"))["/"]
    lines = du("--packages").out.splitlines()
    assert any(line.endswith("\t-") for line in lines)


def test_names_are_cleaned_and_a_pipe_has_blocks(du: Run) -> None:
    ran = du("/srv")
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[1:] == ["1\t100%\t3\t/srv", "1\t100%\t2\t/srv/\\x1b[31m"]


def with_odd_files(top: Path) -> Path:
    """A small system with a sparse file, hard links in two folders, an empty folder and a long name."""
    for name in ("etc", "a/b/c", "d", "empty"):
        (top / name).mkdir(parents=True)
    (top / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    (top / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (top / "etc/fstab").write_text("")
    with (top / "a/sparse").open("wb") as file:
        file.truncate(50 << 20)
        file.seek(20 << 20)
        file.write(b"x" * 100_000)
    (top / "a/b/c/file").write_bytes(b"y" * 70_000)
    os.link(top / "a/b/c/file", top / "d/second")
    os.link(top / "a/b/c/file", top / "a/third")
    (top / "d" / ("n" * 200)).symlink_to("m" * 300)
    return top


def du_itself(top: Path, *words: str) -> dict[str, int]:
    """What du says of a folder: path below it to bytes."""
    said = subprocess.run(["du", "-B1", *words, "."], cwd=top, capture_output=True, check=True, text=True)
    lines = (line.split("\t") for line in said.stdout.splitlines())
    return {path.removeprefix(".") or "/": int(size) for size, path in lines}


@pytest.mark.parametrize("words", [("--max-depth", "1"), ("--max-depth", "0"), ("--all-folders",)])
def test_du_says_the_same_of_a_folder(tmp_path: Path, words: tuple[str, ...]) -> None:
    top = with_odd_files(tmp_path / "root")
    theirs = du_itself(top, *(("-d", words[1]) if len(words) > 1 else ()))
    ours = folders(imgtools("du", top, "--json", *words))
    assert set(ours) == set(theirs)
    assert ours["/"] == theirs["/"]
    # Which of several names counts is that which is met first, and du meets them in the order of the disk.
    linked = {"/", "/a", "/a/b", "/a/b/c", "/d"}
    assert {path: size for path, size in ours.items() if path not in linked} == {
        path: size for path, size in theirs.items() if path not in linked
    }
    assert ours["/"] < 1 << 20  # the holes are nothing


def test_an_image_takes_what_its_inodes_say(tmp_path: Path) -> None:
    top = with_odd_files(tmp_path / "root")
    image = tmp_path / "disk.img"
    command = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", str(top), str(image), "64M"]
    subprocess.run(command, check=True, capture_output=True)
    data = imgtools("du", image, "--json", "--all-folders").data
    found = {one["path"]: one for one in data["folders"]}
    # 100,000 bytes are 25 blocks, 70,000 are 18; a folder is one.
    assert found["/a"]["room"] == (25 + 18 + 3) * 4096
    assert found["/d"]["room"] == (1 + 1) * 4096  # the folder, and a link that is too long for its inode
    assert found["/a"]["size"] > 50 << 20
    assert found["/a"]["files"] == 5


def test_on_an_image() -> None:
    document = json.loads(imgtools("du", fixture_image("debian"), "--packages", "--json").out)
    assert document["schema"] == "imgtools.du/1"
    rooms = [one["room"] for one in document["data"]["folders"]]
    assert rooms == sorted(rooms, reverse=True)
    assert document["data"]["folders"][0]["path"] == "/"
