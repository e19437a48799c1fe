"""Changes of a chain that cannot be made: said before the first file changes, with the plan already."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgtools.disk import new_file
from tests.support.command import imgtools
from tests.support.disks import MIB, Chain, image_of, make_chain, qemu_img, random_bytes
from tests.support.full import files_at_most

COMMANDS = {
    "commit": ("commit", "{top}"),
    "deep": ("commit", "--base", "{base}", "--remove", "{top}"),
    "rebase": ("rebase", "--onto", "none", "{top}"),
    "unsafe": ("rebase", "--unsafe", "--force", "--onto", "{base}", "--onto-format", "qcow2", "{top}"),
    "flatten": ("chain", "flatten", "{top}"),
    "up": ("chain", "squash", "--from", "{top}", "--to", "{middle}", "{top}"),
    "down": ("chain", "squash", "--down", "--from", "{middle}", "--to", "{base}", "{top}"),
    "move": ("chain", "move", "{top}", "{away}"),
}
WRITTEN = {  # the files that a command changes or removes
    "commit": ("middle", "top"),
    "deep": ("base", "middle", "top"),
    "rebase": ("top",),
    "unsafe": ("top",),
    "flatten": ("top",),
    "up": ("middle", "top"),
    "down": ("base", "middle", "top"),
    "move": ("base", "middle", "top"),
}


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "away").mkdir()
    return make_chain(folder)


def run(chain: Chain, name: str, *more: str, code: int) -> str:
    """Run a command and return what it complains of; no file may have changed, and none been made."""
    folder = chain.top.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    places = {path.stem: path for path in folder.iterdir()} | {"away": folder.parent / "away"}
    ran = imgtools(*(word.format(**places) for word in COMMANDS[name]), *more, code=code)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not list((folder.parent / "away").iterdir())
    return ran.err


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A QEMU program has the image open, as a guest would."""
    argv = ["qemu-io", "-f", "qcow2", str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdin and user.stdout
        user.stdin.write("read 0 512\n")
        user.stdin.flush()
        user.stdout.readline()
        yield
        user.communicate("quit\n")


@pytest.mark.parametrize(("name", "file"), [(name, file) for name in WRITTEN for file in WRITTEN[name]])
def test_file_in_use(chain: Chain, name: str, file: str) -> None:
    """A program that has an overlay open has its backing files, too: that of the base is an image of its own."""
    path = chain.top.parent / f"{file}.qcow2"
    with held(path):
        for write in ((), ("--write",)):
            assert "QEMU program" in run(chain, name, *write, code=11)


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in ("move", "unsafe")])
def test_file_that_may_not_be_written(chain: Chain, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode, **how: mode != os.W_OK)
    for write in ((), ("--write",)):
        assert "no permission" in run(chain, name, *write, code=3)


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "unsafe"])
def test_no_room(chain: Chain, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: 1000)
    assert "has room for 1000" in run(chain, name, "--write", code=16)


def test_no_room_for_what_lies_above_a_deeper_base(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_file, "free_room", lambda folder: MIB - 1)
    words = ("rebase", "--onto", chain.base, "--onto-format", "qcow2", "--write", chain.top)
    assert f"needs {MIB} bytes" in imgtools(*words, code=16).err


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "unsafe"])
def test_host_that_fills(chain: Chain, name: str) -> None:
    """The image reads as before; what was begun can be run again when there is room."""
    places = {path.stem: path for path in chain.top.parent.iterdir()} | {
        "away": chain.top.parent.parent / "away"
    }
    words = [word.format(**places) for word in COMMANDS[name]]
    with files_at_most(chain.top.stat().st_size + (200 << 10)):
        ran = imgtools(*words, "--write", code=None)
    assert ran.code in (16, 43), ran.err
    assert len(ran.err.splitlines()) <= 2
    assert not list(places["away"].iterdir())
    qemu_img("convert", "-O", "raw", chain.top, places["away"] / "was")
    assert (places["away"] / "was").read_bytes() == chain.content
    (places["away"] / "was").unlink()
    imgtools(*words, "--write")


def test_formats_that_cannot_are_told_before_the_merge(tmp_path: Path) -> None:
    base = image_of(random_bytes(MIB), tmp_path / "base.vmdk", "vmdk")
    middle, top = tmp_path / "middle.qcow2", tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base.name, "-F", "vmdk", middle, "2M")
    qemu_img("create", "-q", "-f", "qcow2", "-b", middle.name, "-F", "qcow2", top)
    before = base.read_bytes()
    ran = imgtools("chain", "squash", "--down", "--from", middle, "--to", base, "--write", top, code=14)
    assert "vmdk cannot grow" in ran.err
    assert base.read_bytes() == before
