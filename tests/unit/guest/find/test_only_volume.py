"""Nothing that only boots a system, or stands beside a root that cannot be opened, is taken for its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.errors import ImgtoolsError, KeyNeeded, NoGuest
from imgtools.guest.find.tree import FileView, view_files
from imgtools.records.disks import Declined, Disk, Holder, Layout, Volume
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from tests.support.images import Files, memory_image, partitioned
from tests.support.memory import memory_volume

LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
DATA = memory_volume("/dev/sda1", uuid="0000-da7a")
FILES = {"/README": "x"}
BOOT = {"/vmlinuz-6.1": "", "/grub/grub.cfg": ""}
ASKED = ImageRequest((DiskSource(Path("x.img")),))


def view(
    files: Files, *others: Volume, types: tuple[str, ...] = (LINUX,) * 4, only: Volume = DATA,
    unread: tuple[Declined, ...] = (), change: bool = False, mounts: tuple[str, ...] = (),
) -> FileView:  # fmt: skip
    layout = Layout((partitioned(*types),), volumes=(only, *others), unread=unread)
    image = memory_image({only: files}, layout)
    return view_files(image, replace(ASKED, mounts=mounts), change=change)


@pytest.mark.parametrize("change", [False, True])
@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (memory_volume("/dev/sda2", "crypto_LUKS"), KeyNeeded, "sda2 is encrypted"),
        (memory_volume("/dev/sda2", "BitLocker"), KeyNeeded, "sda2 is encrypted"),
        (memory_volume("/dev/sda2", ""), NoGuest, r"sda2 \(unknown content\) may hold one"),
        (memory_volume("/dev/sda2", "LVM2_member"), NoGuest, "sda2 .LVM2_member. may hold one"),
        (memory_volume("/dev/sda2", "linux_raid_member"), NoGuest, "may hold one"),
        (memory_volume("/dev/sda2", "zfs_member"), NoGuest, "may hold one"),
    ],
)
def test_beside_what_may_be_a_root_nothing_is_taken_for_it(
    other: Volume, error: type[ImgtoolsError], message: str, change: bool
) -> None:
    with pytest.raises(error, match=message) as caught:
        view(FILES, other, change=change)
    assert "-m /dev/sda1" in caught.value.hint
    assert view(FILES, other, change=change, mounts=("/dev/sda1",)).files.is_file("/README")


def test_a_root_on_a_volume_that_could_not_be_put_together_is_named() -> None:
    lost = Declined("/dev/vg0/root", "the physical volume abc is missing")
    with pytest.raises(NoGuest, match="/dev/vg0/root may hold one: the physical volume abc is missing"):
        view(FILES, unread=(lost,))


def test_what_is_open_and_holds_nothing_known_may_be_the_root() -> None:
    locked = memory_volume("/dev/sda2", "crypto_LUKS")
    opened = replace(memory_volume("/dev/mapper/x", ""), holder=Holder.CRYPT, parents=("/dev/sda2",))
    with pytest.raises(NoGuest, match="may hold one"):
        view(FILES, locked, opened)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (BOOT, LINUX),
        (FILES, ESP),
        (FILES, "0xef"),
        (FILES, "BC13C2FF-59E6-4262-A352-B275FD6F7172"),
        ({"/bootmgr": "", "/Boot/BCD": ""}, "0x07"),
        ({"/loader/entries/a.conf": "", "/EFI/x": ""}, LINUX),
    ],
)
def test_what_only_boots_a_system_is_not_its_files(files: Files, kind: str) -> None:
    with pytest.raises(NoGuest, match="only boots one"):
        view(files, types=(kind,))


def test_a_disk_of_data_is_read_and_swap_and_the_like_do_not_matter() -> None:
    swap, grub = memory_volume("/dev/sda2", "swap"), memory_volume("/dev/sda3", "")
    found = view(FILES, swap, grub, types=(LINUX, LINUX, BIOS_BOOT))
    assert found.files.is_file("/README")


def test_a_volume_made_of_others_is_one_with_them() -> None:
    lower = replace(memory_volume("/dev/sda2", "crypto_LUKS"), uuid="0000-1")
    upper = replace(DATA, device="/dev/mapper/x", holder=Holder.CRYPT, parents=("/dev/sda2",))
    assert view(FILES, lower, only=upper).files.is_file("/README")


def test_a_part_of_a_disk_is_changed_only_by_its_name() -> None:
    assert view(FILES).files.is_file("/README")
    with pytest.raises(NoGuest, match="only /dev/sda1") as caught:
        view(FILES, change=True)
    assert "name it: -m /dev/sda1" in caught.value.hint
    whole = replace(DATA, device="/dev/sda", holder=Holder.DISK)
    layout = Layout((Disk("/dev/sda", 1 << 30),), volumes=(whole,))
    image = memory_image({whole: FILES}, layout)
    assert view_files(image, ASKED, change=True).files.is_file("/README")
