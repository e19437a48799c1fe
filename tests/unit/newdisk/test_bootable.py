"""The partitions that a disk gets which GRUB is to boot from, and the words that do not go with that."""

from __future__ import annotations

import pytest

from imgtools.engine.mkfs import NewFilesystem
from imgtools.errors import UsageError
from imgtools.newdisk.bootable import (
    ESP_SIZE,
    GRUB_ROOM,
    LEAST_ESP,
    MIB,
    ROOT_TYPES,
    bootable_layout,
    parse_firmwares,
    require_bootable_words,
    with_room,
    with_uuid,
)
from imgtools.newdisk.layout import Layout, Wish

EXT4 = NewFilesystem("ext4", moment=7)


@pytest.mark.parametrize("text", ["", ",", "bios,", "efi", "bios uefi", "bios,uefi,openfirmware", "grub"])
def test_a_word_that_is_no_firmware(text: str) -> None:
    with pytest.raises(UsageError, match="no such firmware"):
        parse_firmwares(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bios", ("bios",)),
        ("uefi", ("uefi",)),
        ("uefi,bios", ("bios", "uefi")),
        (" BIOS , uefi,bios ", ("bios", "uefi")),
    ],
)
def test_firmwares_have_one_order(text: str, found: tuple[str, ...]) -> None:
    assert parse_firmwares(text) == found


def words(*firmwares: str, **other: object) -> None:
    usual: dict[str, object] = {"kind": "ext4", "partition": "", "floppy": False, "layout": "", "esp": 0}
    require_bootable_words(firmwares or ("bios", "uefi"), **(usual | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"floppy": True}, "a floppy has none"),
        ({"partition": "none"}, "needs a table"),
        ({"layout": "bootroot"}, "chooses the partitions itself"),
        ({"kind": "vfat"}, "boots no Linux from vfat"),
        ({"kind": "swap"}, "boots no Linux from swap"),
        ({"kind": "squashfs"}, "boots no Linux from squashfs"),
        ({"kind": "udf"}, "boots no Linux from udf"),
        ({"esp": LEAST_ESP - 1}, "too small for GRUB"),
    ],
)
def test_words_that_grub_cannot_boot_by(other: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        words(**other)


def test_words_that_are_for_the_other_firmware() -> None:
    with pytest.raises(UsageError, match="a BIOS has no EFI"):
        words("bios", esp=ESP_SIZE)
    with pytest.raises(UsageError, match="an MBR is for a BIOS"):
        words("uefi", partition="mbr")


def test_words_that_it_can() -> None:
    for kind in ROOT_TYPES:
        for partition in ("", "gpt", "mbr"):
            words(kind=kind, partition=partition)
    words(esp=LEAST_ESP)


def shape(layout: Layout) -> list[tuple[str, str, Wish]]:
    return [(one.kind_of_partition, one.mount, one.size) for one in layout.parts]


BIOS = ("bios", "", Wish(MIB, MIB))
ESP = ("esp", "/efi", Wish(ESP_SIZE, ESP_SIZE))
ROOT = ("linux", "/", Wish())


@pytest.mark.parametrize(
    ("firmwares", "table", "found"),
    [
        (("bios",), "gpt", [BIOS, ROOT]),
        (("uefi",), "gpt", [ESP, ROOT]),
        (("bios", "uefi"), "gpt", [BIOS, ESP, ROOT]),
        (("bios",), "mbr", [ROOT]),  # GRUB lies behind the MBR
        (("bios", "uefi"), "mbr", [ESP, ROOT]),
    ],
)
def test_the_partitions_that_are_chosen(
    firmwares: tuple[str, ...], table: str, found: list[tuple[str, str, Wish]]
) -> None:
    layout = bootable_layout(firmwares, table, EXT4, ESP_SIZE, "/efi", "")
    assert layout.label == table and shape(layout) == found
    assert layout.parts[-1].bootable is (table == "mbr" and "bios" in firmwares)


def test_every_filesystem_has_a_uuid_as_udev_spells_it() -> None:
    first, second = (bootable_layout(("bios", "uefi"), "gpt", EXT4, ESP_SIZE, "/boot/efi", "") for _ in "ab")
    uuids = [one.filesystem.uuid for one in first.parts if one.filesystem is not None]
    assert [len(one) for one in uuids] == [9, 36]
    assert uuids[0] == uuids[0].upper() and uuids[1] == uuids[1].lower()
    assert first != second
    assert with_uuid(EXT4, "seed", "/") == with_uuid(EXT4, "seed", "/") != with_uuid(EXT4, "seed", "/boot")


def test_a_uuid_that_was_named_stays() -> None:
    named = NewFilesystem("ext4", uuid="D0D0D0D0-0000-4000-8000-00000000000A")
    assert with_uuid(named, "", "/").uuid == "d0d0d0d0-0000-4000-8000-00000000000a"


def test_the_root_has_room_for_what_grub_installs() -> None:
    layout = with_room(bootable_layout(("bios", "uefi"), "gpt", EXT4, ESP_SIZE, "/efi", ""), 5 * MIB)
    assert [one.size for one in layout.parts] == [BIOS[2], ESP[2], Wish(5 * MIB + GRUB_ROOM)]
