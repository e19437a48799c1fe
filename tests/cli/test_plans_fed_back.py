"""What a writing command prints with --json is a plan: `imgtools apply` does what the command would have done."""

from __future__ import annotations

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

LOGIN = "/files/etc/ssh/sshd_config/PermitRootLogin"


@dataclass(frozen=True)
class Printed:
    """What each command printed, and the image in which all of it was done at once."""

    documents: dict[str, Any]  # Any: JSON
    image: Path


def commands(folder: Path) -> dict[str, tuple[str | Path, ...]]:
    """Every command that writes, with its words after the image; none is about a path of another."""
    tree = folder / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "file").write_bytes(b"\0copied\xff")
    (tree / "link").symlink_to("below/file")
    packed = folder / "archive.tar.zst"
    with tarfile.open(folder / "archive.tar", "w") as archive:
        archive.add(tree, "unpacked")
    subprocess.run(["zstd", "-q", folder / "archive.tar", "-o", packed], check=True)
    (folder / "text").write_text("written\n")
    return {
        "edit": ("/etc/hosts", "-e", "s/localhost/here/", "--backup", ".bak"),
        "config set": (LOGIN, "fed-back"),
        "config rm": ("/files/etc/fstab/5",),
        "copy-in": (tree, "/srv"),
        "tar-in": (packed, "/opt"),
        "write": ("/srv/written", "--from", folder / "text", "--mode", "0600"),
        "mkdir": ("/srv/new/deep", "--parents", "--mode", "0700"),
        "rm": ("/var/log/dpkg.log",),
        "mv": ("/etc/mailname", "/etc/renamed"),
        "chmod": ("0600", "/etc/adjtime"),
        "chown": ("nobody:nogroup", "/etc/debian_version"),
        "touch": ("/srv/touched",),
        "ln": ("../etc/hosts", "/srv/soft"),
        "ln --hard": ("/etc/locale.gen", "/etc/second"),
    }


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    folder = tmp_path_factory.mktemp("printed")
    image = fixture_image("debian")
    documents = {
        name: imgtools(*name.split(), image, *words, "--json").json
        for name, words in commands(folder).items()
    }
    whole = folder / "whole.json"
    whole.write_text(json.dumps([one for told in documents.values() for one in told["data"]["changes"]]))
    copy = copy_fixture("debian", folder)[0]
    imgtools("apply", copy, whole, "--write")
    return Printed(documents, copy)


def test_apply_plans_what_each_command_plans(printed: Printed, tmp_path: Path) -> None:
    for name, asked in printed.documents.items():
        plan = tmp_path / f"{name}.json"
        plan.write_text(json.dumps(asked))
        told = imgtools("apply", fixture_image("debian"), plan, "--json").json
        assert told["data"]["changes"] == asked["data"]["changes"] != [], name


def test_what_was_done_is_what_the_commands_do(printed: Printed) -> None:
    image = printed.image
    assert "127.0.0.1 here" in imgtools("cat", image, "/etc/hosts").out
    assert "127.0.0.1 localhost" in imgtools("cat", image, "/etc/hosts.bak").out
    assert imgtools("config", "get", image, LOGIN).out == "fed-back\n"
    assert "tmpfs" not in imgtools("cat", image, "/etc/fstab").out
    assert imgtools("cat", image, "/srv/written").out == "written\n"
    listed = "".join(imgtools("ls", "-lR", image, top).out for top in ("/srv", "/opt", "/etc"))
    facts = {line.split("\t")[-1]: line.split("\t")[:4] for line in listed.splitlines()}
    for path in ("/srv/tree/link -> below/file", "/opt/unpacked/link -> below/file"):
        assert facts[path][0] == "lrwxrwxrwx"
    assert facts["/srv/written"][0] == "-rw-------"
    assert facts["/srv/new/deep"][0] == "drwx------"
    assert facts["/etc/adjtime"][0] == "-rw-------"
    assert facts["/etc/debian_version"][2:] == ["nobody", "nogroup"]
    assert facts["/srv/soft -> ../etc/hosts"][0] == "lrwxrwxrwx"
    assert facts["/etc/locale.gen"][1] == facts["/etc/second"][1] == "2"
    assert {"/etc/renamed", "/srv/touched"} <= set(facts) and "/etc/mailname" not in facts


def test_contents_that_are_no_text_arrive(printed: Printed, tmp_path: Path) -> None:
    imgtools("copy-out", printed.image, "/srv/tree", "/opt/unpacked", tmp_path)
    for name in ("tree", "unpacked"):
        assert (tmp_path / name / "below" / "file").read_bytes() == b"\0copied\xff"
