"""Names that QEMU takes for protocols, options or lists are plain files to every disk command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, image_of, qemu_img, random_bytes

CONTENT = random_bytes(MIB)
NAMES = ("nbd:x", "json:{}", "file:x", "a:b", "-x", "a,b=c", "x y\n", os.fsdecode(b"\xff\xfe"), "fat:rw:y")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_them_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    image = image_of(CONTENT, tmp_path / "plain", "qcow2")
    image.rename(tmp_path / name)
    for words in (
        ("info", "--json", "--"),
        ("check", "--json", "--"),
        ("map", "--json", "--"),
        ("measure", "--json", "--"),
        ("snapshot", "list", "--json", "--"),
        ("bitmap", "list", "--json", "--"),
        ("chain", "show", "--json", "--"),
        ("wipe", "--json", "--"),
    ):
        assert imgtools(*words, name).json["ok"]
    imgtools("snapshot", "create", "--write", "--", name, "one")
    imgtools("amend", "-o", "lazy_refcounts=on", "--write", "--", name)
    imgtools("bitmap", "add", "--write", "--", name, "b")
    imgtools("compare", "--", name, name)
    imgtools("bench", "--count", "1", "--cache", "writeback", "--", name)
    imgtools("convert", "--", name, f"copy{name}")
    imgtools("dd", "--", name, f"part{name}")
    imgtools("create", "--backing", name, "-F", "qcow2", "--", f"top{name}")
    assert content_of(tmp_path / f"top{name}") == CONTENT
    imgtools("commit", "--write", "--", f"top{name}")
    imgtools("chain", "flatten", "--write", "--", f"top{name}")
    (tmp_path / "away").mkdir()
    imgtools("chain", "move", "--write", "--", f"top{name}", "away")
    qemu_img("check", tmp_path / name)
    assert content_of(tmp_path / f"copy{name}") == CONTENT
