"""What a Linux boots with is broken on real guests, mended by their own programs, and read again."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from fixtures.ailments import breaking
from imgtools.change.change import Change, MakeLink, Remove, WriteFile
from imgtools.guest.boot.grub_code import is_core_sound
from imgtools.guest.guest import Guest, the_guest
from imgtools.image.handle import open_image
from imgtools.records.image import DiskSource
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image

KERNEL_GLOB = "/boot/vmlinuz-*"
# What a small initramfs is made of, so that it takes seconds without KVM: no modules, and gzip.
QUICK = WriteFile("/etc/initramfs-tools/conf.d/quick", b"MODULES=list\nCOMPRESS=gzip\n")


def mended(image: Path, *repairs: str, settings: Sequence[str] = ()) -> list[str]:
    """Repair, and return what was done; then there is nothing left to do."""
    words = ["--only", ",".join(repairs)] if repairs else []
    words += [word for one in settings for word in ("--set", one)]
    done = imgtools("repair", image, *words, "--write", "--json").data
    again = imgtools("repair", image, *words, "--json").data
    assert settings or not again["changed"], again["changes"]
    return [change["summary"] for change in done["changes"]]


def content(image: Path, path: str) -> bytes:
    with open_image([DiskSource(image)]) as one:
        return the_guest(one).files.read_bytes(path)


def kernel_of(image: Path) -> str:
    with open_image([DiskSource(image)]) as one:
        (path,) = the_guest(one).files.glob(KERNEL_GLOB)
    return path.partition("vmlinuz-")[2]


@pytest.mark.appliance
@pytest.mark.timeout(1500)
def test_initramfs_grub_and_menu_of_a_guest_on_lvm(tmp_path: Path) -> None:
    """One launch for the three; the core image lies behind the MBR, and finds /boot in a volume group."""
    image = copy_fixture("real", tmp_path)[0]
    initrd = f"/boot/initrd.img-{kernel_of(image)}"

    def broken(guest: Guest) -> list[Change]:
        return [QUICK, Remove(initrd), Remove("/boot/grub/grub.cfg")]

    breaking.change(image, broken)
    breaking.write_bytes(image, 0, bytes(440))
    breaking.write_bytes(image, 512, bytes(8192))
    found = imgtools("diagnose", image, "--json", code=1).data["stations"]
    assert "boot-menu-missing" in [one["id"] for station in found for one in station["findings"]]
    lines = mended(image, "initramfs", "grub-install", "grub-config")
    assert [line.split()[1] for line in lines] == ["update-initramfs", "grub-install", "grub-mkconfig"]
    assert b"menuentry 'Debian" in content(image, "/boot/grub/grub.cfg")
    assert b"TRAILER!!!" in gzip.decompress(content(image, initrd))
    with open_image([DiskSource(image)]) as one:
        disk, file = one.layout().disks[0], one.try_bytes("/dev/sda")
        assert file is not None and is_core_sound(the_guest(one).files, disk, file)


@pytest.mark.appliance
@pytest.mark.timeout(1500)
def test_grub_for_bios_and_uefi_on_a_gpt_whose_first_copy_is_gone(tmp_path: Path) -> None:
    image = copy_fixture("real-plain", tmp_path)[0]
    loader = "/boot/efi/EFI/BOOT/BOOTX64.EFI"
    before = content(image, loader)
    breaking.remove(image, loader)
    breaking.write_bytes(image, 1 << 20, bytes(8192))  # the BIOS boot partition
    breaking.write_bytes(image, 512, bytes(512))
    lines = mended(image, "partition-table", "grub-install")
    assert lines == [
        "write the primary GPT (its header) on /dev/sda",
        "run grub-install for i386-pc and grub-install for x86_64-efi",
    ]
    assert content(image, loader)[:2] == b"MZ" and len(content(image, loader)) == len(before)
    with open_image([DiskSource(image)]) as one:
        disk, file = one.layout().disks[0], one.try_bytes("/dev/sda")
        assert disk.problems == ()
        assert file is not None and is_core_sound(the_guest(one).files, disk, file)


@pytest.mark.appliance
@pytest.mark.timeout(1500)
def test_a_clone_gets_new_uuids_and_dpkg_finishes_what_it_began(tmp_path: Path) -> None:
    """One launch: the UUIDs, all that names them, initramfs and GRUB for BIOS and UEFI; a package is configured."""
    image = copy_fixture("real-plain", tmp_path)[0]
    old = "d0d0d0d0-0021-4000-8000-000000000a01"
    status = content(image, "/var/lib/dpkg/status").decode("utf-8", "surrogateescape")
    begun = re.sub(r"(Package: less\nStatus: install ok )installed", r"\1unpacked", status, count=1)
    begun = (
        begun
        if begun != status
        else re.sub(r"(Package: ncurses-base\nStatus: install ok )installed", r"\1unpacked", status, count=1)
    )
    assert begun != status
    breaking.change(
        image,
        lambda guest: [QUICK, WriteFile("/var/lib/dpkg/status", begun.encode("utf-8", "surrogateescape"))],
    )
    words = ["--only", "new-uuids,packages-interrupted"]
    done = imgtools("repair", image, *words, "--write", "--json").data
    (new,) = {one["uuid"] for one in done["changes"] if one["kind"] == "set-uuid"}
    with open_image([DiskSource(image)]) as one:
        guest = the_guest(one)
        assert guest.root.uuid == new
        files = guest.files
        assert f"UUID={new} / ext4" in files.read_text("/etc/fstab")
        cfg = files.read_text("/boot/grub/grub.cfg")
        assert old not in cfg and f"root=UUID={new}" in cfg
        loader = files.read_bytes("/boot/efi/EFI/BOOT/BOOTX64.EFI")
        assert loader[:2] == b"MZ" and old.encode() not in loader
        file = one.try_bytes("/dev/sda")
        assert file is not None and is_core_sound(files, one.layout().disks[0], file)
        assert "ok unpacked" not in files.read_text("/var/lib/dpkg/status")
    assert not imgtools("repair", image, "--json").data["changed"]


def test_what_is_in_files_is_mended_without_a_boot(tmp_path: Path) -> None:
    """Four repairs that want the same grub.cfg, each on what the one before it leaves; and three links."""
    image = copy_fixture("real-plain", tmp_path)[0]
    gone = "d0d0d0d0-dead-4000-8000-000000000a01"
    cfg = content(image, "/boot/grub/grub.cfg").decode()
    root = "d0d0d0d0-0021-4000-8000-000000000a01"

    def broken(guest: Guest) -> list[Change]:
        bad = cfg.replace(root, gone).replace(" ro ", f" ro init=/bin/bash resume=UUID={gone} ", 1)
        return [
            WriteFile("/boot/grub/grub.cfg", bad.encode()),
            WriteFile("/boot/grub/grubenv", b"broken"),
            Remove("/lib64"),
            Remove("/usr/sbin/init"),
            MakeLink("/usr/lib/x86_64-linux-gnu/odd", "nowhere"),
        ]

    breaking.change(image, broken)
    done = mended(image)
    assert any(line.startswith("link /lib64 -> usr/lib64") for line in done)
    assert content(image, "/boot/grub/grub.cfg").decode().count(f"root=UUID={root}") == cfg.count(
        f"root=UUID={root}"
    )
    assert gone not in content(image, "/boot/grub/grub.cfg").decode().replace(
        f"gnulinux-simple-{gone}", ""
    ).replace(f"-{gone}", "")
    assert len(content(image, "/boot/grub/grubenv")) == 1024
    assert content(image, "/sbin/init")[:4] == b"\x7fELF"


@pytest.mark.appliance
def test_a_root_that_cannot_be_read_is_checked_all_the_same(tmp_path: Path) -> None:
    """Its superblock is gone: no guest is found. The checker takes a copy, and says what it did."""
    image = copy_fixture("debian", tmp_path)[0]
    with open_image([DiskSource(image)]) as one:
        root = the_guest(one).root
        start = next(p.start for p in one.layout().disks[0].partitions if p.device == root.device)
    breaking.write_bytes(image, start + 1024, bytes(1024))
    assert imgtools("repair", image, code=None).code == 21
    words = ["--only", "filesystem-check", "--set", f"filesystem-check.device={root.device}"]
    assert imgtools("repair", image, *words, code=None).code == 24
    ran = imgtools("repair", image, *words, "--set", "filesystem-check.type=ext4", "--write", "--json")
    said = [one["text"] for one in ran.json["warnings"]]
    assert any("trying backup blocks" in text for text in said)
    assert not imgtools("repair", image, "--json").data["changed"]


def test_a_healthy_real_guest_needs_nothing() -> None:
    for name in ("real", "real-plain"):
        assert not imgtools("repair", fixture_image(name), "--json").data["changed"]
