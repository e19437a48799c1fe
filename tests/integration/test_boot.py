"""The real Debian guest boots without KVM: seen on serial console and screen, by its kernel alone, out of an edit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from imgtools.change.change import WriteFile
from imgtools.guest.guest import the_guest
from imgtools.guest.plan import make_plan
from imgtools.image.edit import edit_image
from imgtools.image.handle import Image
from imgtools.records.image import DiskSource
from imgtools.workflows.boot import BootRequest, boot_opened
from tests.support.boots import LIMIT, booted, without_serial_console
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

pytestmark = [pytest.mark.real, pytest.mark.appliance, pytest.mark.timeout(3 * LIMIT)]


def _digest(image: Path) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest()


def test_it_boots_to_a_login_and_nothing_is_written() -> None:
    image = fixture_image("real")
    before = _digest(image)
    boot = booted(image)
    assert (boot.code, boot.verdict, boot.causes) == (0, "login", [])
    assert boot.data["guest"].startswith("Debian GNU/Linux 12")
    assert (boot.data["firmware"], boot.data["bus"], boot.data["stage"]) == ("bios", "virtio", "login")
    assert _digest(image) == before


def test_its_own_kernel_boots_without_a_loader() -> None:
    boot = booted(fixture_image("real"), "--kernel-from-guest", "--expect", "Run /init as init process")
    assert (boot.code, boot.data["kernel_from_guest"], boot.data["seen_on"]) == (0, True, "serial")


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


def test_what_an_edit_has_applied_is_booted_before_it_is_committed(tmp_path: Path) -> None:
    (image,) = copy_fixture("real-plain", tmp_path)
    before = _digest(image)
    with edit_image([DiskSource(image)]) as edited:
        guest = the_guest(edited)
        change = WriteFile("/etc/hostname", b"mended\n")
        edited.apply(make_plan(edited, [change], guest.mounts))

        def boots(changed: Image) -> None:
            how = BootRequest(seconds=LIMIT, expect="^mended login:")
            report = boot_opened(changed, the_guest(changed), how)
            assert report.reached, report
            assert _digest(image) == before

        edited.commit(proof=boots)
    assert _digest(image) != before
