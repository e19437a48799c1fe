"""imgtools boot: what is refused before anything starts, and how its verdict is told."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.errors import (
    HostError,
    ImageInUse,
    ManyGuests,
    NoGuest,
    TargetExists,
    ToolMissing,
    UnsupportedGuest,
    UsageError,
)
from imgtools.guest.boot import machine_choice
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

MIB = 1 << 20


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A disk with nothing on it."""
    image = tmp_path / "blank.raw"
    image.write_bytes(bytes(4 * MIB))
    return image


def test_a_blank_disk_has_nothing_to_boot(blank: Path, tmp_path: Path) -> None:
    before = hashlib.sha256(blank.read_bytes()).digest()
    screen, console = tmp_path / "screen.png", tmp_path / "console.log"
    ran = imgtools(
        "boot", blank, "--firmware", "bios", "--screenshot", screen, "--console", console, "--json", code=1
    )
    data = ran.data
    assert ran.json["schema"] == "imgtools.boot/1"
    assert (data["verdict"], data["reached"], data["stage"]) == ("no-bootable-device", False, "firmware")
    assert (data["line"], data["seen_on"]) == ("No bootable device.", "screen")
    assert {one["id"] for one in data["causes"]} == {"boot-device-missing"}
    assert (data["guest"], data["bus"], data["network"], data["accelerator"]) == ("", "virtio", False, "TCG")
    assert screen.read_bytes().startswith(b"\x89PNG")
    assert console.read_bytes() == b""
    assert hashlib.sha256(blank.read_bytes()).digest() == before


@pytest.mark.parametrize("bus", ["scsi", "sata", "ide", "nvme"])
def test_firmware_finds_the_disk_on_each_bus(blank: Path, bus: str) -> None:
    record = bytearray(512)
    record[:4] = b"\xf4\xeb\xfd\x90"  # hlt, again and again
    record[510:] = b"\x55\xaa"
    blank.write_bytes(bytes(record) + bytes(4 * MIB - 512))
    ran = imgtools("boot", blank, "--firmware", "bios", "--bus", bus, "--expect", "Booting from", "--json")
    assert ran.data["reached"]
    assert ran.data["line"] == "Booting from Hard Disk..."


def test_it_is_told_to_people(blank: Path) -> None:
    ran = imgtools("boot", blank, "--firmware", "bios", code=1)
    assert "Verdict\tno-bootable-device: firmware finds nothing to boot\n" in ran.out
    assert ran.out.endswith("No bootable device.\n")


def test_no_sign_within_the_time(blank: Path) -> None:
    words = ("--firmware", "bios", "--expect", "never", "--timeout", "0.2")
    ran = imgtools("boot", blank, *words, "--json", code=None)
    assert (ran.code, ran.data["verdict"]) in ((33, "none"), (1, "no-bootable-device"))
    assert not ran.data["reached"]


def test_disks_without_a_system(blank: Path) -> None:
    ran = imgtools("boot", blank, code=NoGuest.exit_code)
    assert "--firmware" in ran.err


def test_several_systems() -> None:
    ran = imgtools("boot", fixture_image("multiboot"), code=ManyGuests.exit_code)
    assert "--root" in ran.err
    assert "--firmware" in ran.err


def test_an_encrypted_root_without_a_key() -> None:
    ran = imgtools("boot", fixture_image("luks2"), "--engine", "direct", code=23)
    assert "--key" in ran.err


def test_a_guest_for_another_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_choice, "ARCHITECTURES", frozenset({"aarch64"}))
    ran = imgtools("boot", fixture_image("debian"), code=UnsupportedGuest.exit_code)
    assert "x86" in ran.err


def test_a_guest_too_large_for_the_host(blank: Path) -> None:
    ran = imgtools("boot", blank, "--firmware", "bios", "--memory", "900T", code=HostError.exit_code)
    assert "900.0T" in ran.err or "900T" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--firmware", "coreboot"), "bios, uefi"),
        (("--firmware", "bios", "--bus", "floppy"), "virtio, scsi"),
        (("--firmware", "bios", "--memory", "1M"), "too little memory"),
        (("--firmware", "bios", "--memory", "much"), "not a size"),
        (("--firmware", "bios", "--cpus", "0"), "processors"),
        (("--firmware", "bios", "--network", "bridge"), "none, or user"),
        (("--firmware", "bios", "--expect", "("), "not a regular expression"),
        (("--firmware", "bios", "--timeout", "0"), "not a time"),
        (("--firmware", "bios", "--interactive"), "no terminal"),
    ],
)
def test_words_that_make_no_sense(blank: Path, words: tuple[str, ...], said: str) -> None:
    assert said in imgtools("boot", blank, *words, code=UsageError.exit_code).err


def test_files_that_are_there_stay(blank: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    for option in ("--screenshot", "--console"):
        imgtools("boot", blank, "--firmware", "bios", option, there, code=TargetExists.exit_code)
        own = ("--overwrite", option, blank)
        assert "file of the image" in imgtools("boot", blank, "--firmware", "bios", *own, code=2).err
    assert there.read_text() == "mine"
    imgtools("boot", blank, "--firmware", "bios", "--console", there, "--overwrite", code=1)
    assert there.read_bytes() == b""


def test_a_host_without_qemu_or_firmware(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgtools.engine.qemu import machine

    monkeypatch.setattr(
        machine, "find_uefi", lambda _machine: (_ for _ in ()).throw(ToolMissing("none", hint="ovmf"))
    )
    assert "ovmf" in imgtools("boot", blank, "--firmware", "uefi", code=ToolMissing.exit_code).err
    monkeypatch.setenv("LIBGUESTFS_HV", "/no/such/qemu")
    assert "qemu-system-x86" in imgtools("boot", blank, "--firmware", "bios", code=ToolMissing.exit_code).err


def test_an_image_that_is_in_use(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    held = subprocess.Popen(
        ["qemu-io", "-f", "qcow2", image], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert held.stdin is not None
        assert held.stdout is not None
        held.stdin.write("length\n")
        held.stdin.flush()
        held.stdout.readline()
        imgtools("boot", image, code=ImageInUse.exit_code)
    finally:
        held.kill()
        held.wait()


def test_a_key_that_fits_nothing_is_told() -> None:
    words = ("--key", "nothing:key:x", "--expect", "SeaBIOS", "--json")
    ran = imgtools("boot", fixture_image("debian"), *words)
    assert ran.err.count("the key given for nothing is not used") == 1
    assert sum("is not used" in one["text"] for one in ran.json["warnings"]) == 1


def test_an_encrypted_image_file_is_booted_with_its_key(tmp_path: Path) -> None:
    image = tmp_path / "secret.qcow2"
    key = ("--new-key", "key:secret")
    imgtools("create", image, "4M", "-O", "qcow2", "-o", "encrypt.iter-time=10", *key)
    words = ("--firmware", "bios", "--expect", "No bootable device", "--json")
    assert imgtools("boot", image, "--key", "image:key:secret", *words).data["reached"]
    assert imgtools("boot", image, *words, code=23).err


def test_a_person_at_a_terminal(blank: Path) -> None:
    """Ctrl-] ends the machine; the terminal is as it was."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "imgtools", "boot", blank, "--firmware", "bios", "--interactive"]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said = b""
    while b"Ctrl-]" not in said:
        said += os.read(ours, 1000)
    os.write(ours, b"\x1d")
    try:
        while piece := os.read(ours, 1000):
            said += piece
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert process.wait(60) in (1, 33)
    assert b"Verdict" in said
