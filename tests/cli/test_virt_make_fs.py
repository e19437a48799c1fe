"""imgtools virt virt-make-fs: disks of files under the peer's options."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, qemu_img

pytestmark = pytest.mark.host


def make(*words: str | Path, code: int = 0) -> str:
    ran = imgtools("virt", "virt-make-fs", *words, code=code)
    assert ran.out == ""
    return ran.err.splitlines()[0] if code else ran.err


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree" / "sub"
    folder.mkdir(parents=True)
    (folder / "file").write_text("hello\n")
    return folder.parent


def content(image: Path) -> dict[str, str | int]:
    """What is told of the one filesystem."""
    (told,) = imgtools("filesystems", "--json", image).data["filesystems"]
    assert imgtools("cat", image, "/sub/file", "-m", told["device"]).out == "hello\n"
    return {name: told[name] for name in ("device", "content", "label")}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "missing input and output arguments on the command line"),
        (("one",), "missing input and output arguments on the command line"),
        (("nowhere", "new"), "nowhere: No such file or directory"),
        (("--size", "much", "TREE", "new"), "invalid size parameter 'much'"),
        (("--size", "10B", "TREE", "new"), "invalid size parameter '10B'"),
        (("--partition=aix", "TREE", "new"), "no partition table of the kind aix is made"),
        (("-t", "minix", "TREE", "new"), "no such type: minix"),
        (("--blocksize", "1000", "TREE", "new"), "--blocksize takes 512 or 4096: 1000"),
        (("--blocksize", "4096", "--partition", "--", "TREE", "new"), "--blocksize 4096 is taken for"),
        (("--size", "4K", "TREE", "new"), "4.0K are too little"),
    ],
)
def test_what_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tree.parent)
    said = make(*(str(tree) if word == "TREE" else word for word in words), code=1)
    assert said.startswith(f"virt-make-fs: {says}")
    assert [one.name for one in tree.parent.iterdir()] == ["tree"]


def test_as_it_is_without_options(tree: Path, tmp_path: Path) -> None:
    image = tmp_path / "new.qcow2"  # whatever it is called, it is raw
    image.write_text("old")
    make(tree, image)
    assert json.loads(qemu_img("info", "--output=json", image))["format"] == "raw"
    assert content(image) == {"device": "/dev/sda", "content": "ext2", "label": ""}


def test_of_an_archive_with_a_table_a_label_and_a_format(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "tree.tgz", "w:gz") as archive:
        archive.add(tree, ".")
    image = tmp_path / "new"
    words = ("--label=DATA", "-F", "qcow2", "--type=ext4", "--size=64M", "--partition")
    make(*words, "--", tmp_path / "tree.tgz", image)
    info = json.loads(qemu_img("info", "--output=json", image))
    assert (info["format"], info["virtual-size"]) == ("qcow2", 64 * MIB)
    assert content(image) == {"device": "/dev/sda1", "content": "ext4", "label": "DATA"}
    assert imgtools("partition", "list", "--json", image).data["table"] == "dos"


@pytest.mark.parametrize(("text", "size"), [("0x400000", 4 << 20), ("4MB", 4_000_256), ("4MiB", 4 << 20)])
def test_sizes(tree: Path, tmp_path: Path, text: str, size: int) -> None:
    make("-s", text, tree, tmp_path / "new")
    assert (tmp_path / "new").stat().st_size == size


def test_room_besides(tree: Path, tmp_path: Path) -> None:
    make(tree, tmp_path / "least")
    make("--size", "+32M", tree, tmp_path / "more")
    more = (tmp_path / "more").stat().st_size - (tmp_path / "least").stat().st_size
    assert 32 * MIB <= more < 40 * MIB


def test_a_floppy(tree: Path, tmp_path: Path) -> None:
    make("--floppy", tree, tmp_path / "a.img")
    assert (tmp_path / "a.img").stat().st_size == 1440 << 10
    assert content(tmp_path / "a.img")["content"] == "vfat"


def test_sectors_of_4096_bytes(tree: Path, tmp_path: Path) -> None:
    make("--blocksize=4096", "-t", "ext4", tree, tmp_path / "new")
    superblock = (tmp_path / "new").read_bytes()[1024:2048]
    assert 1024 << superblock[24] == 4096  # s_log_block_size
