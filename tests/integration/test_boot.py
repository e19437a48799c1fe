"""The real Debian guest boots without KVM: seen on serial console and screen, by its kernel alone, out of an edit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fixtures.ailments import ailment
from tests.support.boots import LIMIT, booted, without_serial_console
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

pytestmark = [pytest.mark.real, pytest.mark.appliance, pytest.mark.timeout(3 * LIMIT)]


def _digest(image: Path) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()


def test_its_own_kernel_boots_without_a_loader_and_nothing_is_written() -> None:
    image = fixture_image("real")
    before = _digest(image)
    boot = booted(image, "--kernel-from-guest", "--expect", "Run /init as init process")
    assert (boot.code, boot.data["kernel_from_guest"], boot.data["seen_on"]) == (0, True, "serial")
    assert _digest(image) == before


def test_a_guest_without_a_serial_console_is_watched_by_its_screen(tmp_path: Path) -> None:
    """By UEFI, so that its screen is a picture all the way; a changed root ends in the initramfs, on the screen."""
    (image,) = copy_fixture("real-plain", tmp_path)
    without_serial_console(image)
    edit = [
        "edit", image, "/boot/grub/grub.cfg", "-e", "s/root=UUID=\\S+/root=UUID=0bad rootdelay=1/", "--write",
    ]  # fmt: skip
    imgtools(*edit)
    boot = booted(image, "--firmware", "uefi")
    assert (boot.code, boot.verdict, boot.data["seen_on"]) == (1, "initramfs-shell", "screen"), boot.shown
    assert "root-not-found" in boot.causes
    assert "(initramfs)" in boot.shown


def test_what_is_repaired_is_booted_to_its_login_before_it_counts(tmp_path: Path) -> None:
    (image,) = copy_fixture("real", tmp_path)
    ailment("init-link-gone").breaks(image)
    ran = imgtools("repair", image, "--auto", "--write", "--then-boot", "--timeout", str(LIMIT), "--json")
    boot = ran.data["boot"]
    assert ran.data["written"] and (boot["reached"], boot["verdict"], boot["causes"]) == (True, "login", [])
    assert boot["guest"].startswith("Debian GNU/Linux 12")
    assert (boot["firmware"], boot["bus"], boot["stage"]) == ("bios", "virtio", "login")
    assert imgtools("diagnose", image, "--json").data["sound"]


def test_what_does_not_boot_with_the_repairs_is_rolled_back(tmp_path: Path) -> None:
    """One of two ailments is mended, and the other still stops it."""
    (image,) = copy_fixture("real-plain", tmp_path)
    ailment("init-link-gone").breaks(image)
    ailment("root-uuid-wrong").breaks(image)
    before = _digest(image)
    words = ("--only", "init-link", "--write", "--then-boot", "--timeout", str(LIMIT))
    ran = imgtools("repair", image, *words, code=42)
    assert "does not boot with the repairs (initramfs-shell)" in ran.err
    assert _digest(image) == before
    assert [one.name for one in tmp_path.iterdir()] == [image.name]
