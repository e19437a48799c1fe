"""When the root cannot be opened, no command takes what is beside it for ``/``; what could not be opened is listed."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import imgtools as door
from imgtools.errors import ImgtoolsError, KeyNeeded, NoGuest
from tests.support.command import imgtools
from tests.support.disks import luks_image
from tests.support.divided import MIB, at, make_disk, put

READING = {
    "ls": ("/",),
    "cat": ("/grub/grub.cfg",),
    "find": ("/",),
    "log": (),
    "copy-out": ("/grub", "."),
    "config get": ("/etc/hosts/1",),
    "inspect": (),
}
WRITING = {
    "write": ("/etc/motd", "--parents", "--from", "word"),
    "mkdir": ("/etc",),
    "touch": ("/x",),
    "rm": ("/grub/grub.cfg",),
    "mv": ("/grub", "/x"),
    "ln": ("/grub", "/x"),
    "chmod": ("0600", "/grub"),
    "chown": ("1:1", "/grub"),
    "copy-in": ("word", "/"),
    "tar-in": ("word.tar", "/"),
    "edit": ("/grub/grub.cfg", "-e", "s/a/b/"),
    "config set": ("/grub/grub.cfg/x", "1"),
    "apply": ("plan.json",),
    "customize": ("--mkdir", "/etc"),
    "sysprep": (),
}

OF_SYSTEMS = ("inspect", "customize", "sysprep")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks with a separate /boot: the root of the first is locked, that of the second is damaged."""
    folder = tmp_path_factory.mktemp("no-root")
    boot = folder / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub/grub.cfg").write_text("menuentry a {}\n")
    (boot / "vmlinuz-6.1").touch()
    make = {1: ("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(boot))}
    parts = (at(1, 1, 8, "83"), at(2, 9, 8, "83"))
    for name in ("locked", "damaged"):
        make_disk(folder / name, 18, "dos", parts, make)
    put(folder / "locked", 9 * MIB, luks_image(folder / "luks", b"sesame", MIB))
    (folder / "word").write_text("word\n")
    (folder / "plan.json").write_text(
        json.dumps([{"kind": "write-file", "path": "/motd", "content": "changed\n"}])
    )
    with tarfile.open(folder / "word.tar", "w") as archive:
        archive.add(folder / "word", "etc/motd")
    return folder


@pytest.mark.parametrize(("disk", "error"), [("locked", KeyNeeded), ("damaged", NoGuest)])
@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_it_is_refused_and_nothing_is_written(
    command: str, disk: str, error: type[ImgtoolsError], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = Path(disk).read_bytes()
    words = READING.get(command) or WRITING.get(command) or ()
    for mode in ((), ("--write",)) if command in WRITING else ((),):
        said = imgtools(*command.split(), disk, *words, *mode, code=error.exit_code)
        assert "no operating system found" in said.err
        assert command in OF_SYSTEMS or "-m /dev/sda1" in said.err
    assert Path(disk).read_bytes() == before


@pytest.mark.parametrize(("disk", "error"), [("locked", KeyNeeded), ("damaged", NoGuest)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda disk: door.ls(disk, "/"),
        lambda disk: door.cat(disk, "/grub/grub.cfg"),
        lambda disk: door.write(disk, "/motd", b"x"),
        lambda disk: door.apply(disk, [door.WriteFile("/motd", b"x")], write=True),
    ],
)
def test_the_door_for_programs_refuses_too(
    ask: Callable[[Path], object], disk: str, error: type[ImgtoolsError], folder: Path
) -> None:
    with pytest.raises(error, match="no operating system found"):
        ask(folder / disk)


def test_the_volume_can_be_named(folder: Path, tmp_path: Path) -> None:
    named = (folder / "locked", "-m", "/dev/sda1")
    assert imgtools("cat", *named, "/grub/grub.cfg").out == "menuentry a {}\n"
    assert imgtools("mkdir", *named, "/etc", "--json").data["changed"]


def test_what_could_not_be_opened_is_listed(folder: Path) -> None:
    for command in ("df", "filesystems"):
        said = imgtools(command, folder / "locked")
        assert "/dev/sda1" in said.out
        assert "/dev/sda2" in said.err and "no key was given" in said.err
