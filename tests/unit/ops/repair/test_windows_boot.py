"""The repairs of the boot configuration: what each changes, in which entry, and that it is done then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from imgtools.errors import OddGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.windows.bcd import BootEntry, BootStore, boot_store, entries_of
from imgtools.guest.windows.boot_device import BootDevice, find_partition
from imgtools.guest.windows.registry import open_registry
from imgtools.ops.operation import make_params
from imgtools.records.disks import Disk, Holder, Layout, Partition, Volume
from tests.support import boot_store as bcd
from tests.support.hives import Data, Keys, make_hive
from tests.support.repairs import BOOT, DISK, RE, ROOT, SHELF, element, gpt_layout, mended, planned, server

pytestmark = pytest.mark.host

ONE, TWO = b"\1\0\0\0\0\0\0\0", b"\2\0\0\0\0\0\0\0"
OF_BOOT = {
    "windows-boot-devices",
    "windows-boot-log",
    "windows-recovery-loop",
    "windows-safe-mode",
    "windows-safe-mode-off",
    "windows-serial-console",
}


def store_of(guest: Guest) -> BootStore:
    with open_registry(guest.files, "/Windows") as registry:
        store = boot_store(registry)
    assert store is not None
    return store


def first(guest: Guest) -> BootEntry:
    return entries_of(store_of(guest))[0]


@pytest.mark.parametrize(
    ("mode", "found", "shell"),
    [
        ("minimal", "minimal", None),
        ("network", "network", None),
        ("dsrepair", "dsrepair", None),
        ("command-prompt", "minimal", True),
    ],
)
def test_safe_mode_on_and_off(mode: str, found: str, shell: bool | None) -> None:
    _, guest = mended("windows-safe-mode", server(), mode=mode)
    assert first(guest).safe_boot == found
    assert store_of(guest).objects[bcd.WINDOWS].flag(0x26000081) is shell
    _, guest = mended("windows-safe-mode-off", guest)
    assert first(guest).safe_boot == "" and 0x26000081 not in store_of(guest).objects[bcd.WINDOWS].elements


def test_safe_mode_changes_its_form() -> None:
    _, guest = mended("windows-safe-mode", server(), mode="command-prompt")
    _, guest = mended("windows-safe-mode", guest, mode="network")
    assert store_of(guest).objects[bcd.WINDOWS].flag(0x26000081) is None


def test_safe_mode_that_is_inherited_goes_where_it_is() -> None:
    lines, guest = mended("windows-safe-mode-off", server(boot=element(0x25000080, TWO, bcd.LOADERS)))
    assert first(guest).safe_boot == "" and len(lines) == 1 and bcd.LOADERS in lines[0]


def test_an_ordinary_boot_needs_nothing() -> None:
    assert planned("windows-safe-mode-off", server()) == ()


def test_other_entries_are_left_alone() -> None:
    """The recovery environment has to start as it is, whatever becomes of Windows."""
    _, guest = mended("windows-safe-mode", server())
    assert {one.id for one in entries_of(store_of(guest)) if one.safe_boot} == {bcd.WINDOWS}


def test_the_boot_log() -> None:
    _, guest = mended("windows-boot-log", server())
    assert first(guest).boot_log is True
    inherited = server(boot=element(0x26000090, b"\1", bcd.GLOBAL))
    assert planned("windows-boot-log", inherited) == ()


def test_the_loop_of_automatic_repair() -> None:
    _, guest = mended("windows-recovery-loop", server())
    entry = first(guest)
    assert (entry.recovery_enabled, entry.boot_status_policy) == (False, 1)
    assert store_of(guest).objects[bcd.RESUME].flag(0x16000009) is True


def test_the_serial_console() -> None:
    _, guest = mended("windows-serial-console", server(), port="2", baud="9600")
    store = store_of(guest)
    settings = store.objects[bcd.EMS]
    assert (settings.number(0x15000022), settings.number(0x15000023)) == (2, 9600)
    manager, windows = store.objects[bcd.MANAGER], store.objects[bcd.WINDOWS]
    # Not 26000020, which is another of the boot manager's: displaybootmenu.
    assert manager.flag(0x16000020) is True and 0x26000020 not in manager.elements
    assert windows.flag(0x260000B0) is True


def test_the_serial_console_without_its_settings() -> None:
    """They are made, and the manager and the loader, which reach them through others, inherit them."""
    bare = {key: one for key, one in BOOT.items() if bcd.EMS not in key}
    bare[rf"Objects\{bcd.GLOBAL}\Elements\14000006"] = {"Element": [bcd.DEBUG]}
    _, guest = mended("windows-serial-console", server(boot=bare))
    store = store_of(guest)
    for identity in (bcd.MANAGER, bcd.WINDOWS):
        assert store.number(store.objects[identity], 0x15000023) == 115_200
    assert store.objects[bcd.EMS].type == 0x20100000


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("windows-safe-mode", {"mode": "sagfe"}),
        ("windows-serial-console", {"port": "0"}),
        ("windows-serial-console", {"port": "ttyS0"}),
        ("windows-serial-console", {"baud": "300"}),
    ],
)
def test_what_bcdedit_does_not_take(name: str, settings: Mapping[str, str]) -> None:
    with pytest.raises(UsageError):
        make_params(SHELF[name], settings)


@pytest.mark.parametrize("name", sorted(OF_BOOT))
def test_a_guest_without_a_boot_configuration(name: str) -> None:
    assert "no boot configuration" in SHELF[name].operation.lacking(server(boot=None))


@pytest.mark.parametrize("name", sorted(OF_BOOT - {"windows-boot-devices"}))
def test_a_default_entry_that_is_not_there(name: str) -> None:
    """Nothing is changed in an entry that nobody meant."""
    gone = element(0x23000003, "{00000000-0000-0000-0000-000000000001}", bcd.MANAGER)
    with pytest.raises(OddGuest, match="no entry that starts Windows by default"):
        planned(name, server(boot=gone))


# -- devices ---------------------------------------------------------------------------------------------------


def lost(guest: Guest) -> dict[str, BootDevice]:
    """The devices that name no partition of the guest's disks, by object and element."""
    assert guest.layout is not None
    return {
        f"{one.id} {number:08x}": device
        for one in store_of(guest).objects.values()
        for number, device in one.devices
        if device.names_partition and find_partition(device, guest.layout) is None
    }


def clone_of(layout: Layout, boot: Keys = BOOT) -> Guest:
    return server(boot=boot, layout=layout)


NEW = gpt_layout(
    "99999999-0008-4000-8000-000000000100",
    "99999999-0008-4000-8000-000000000101",
    "99999999-0008-4000-8000-000000000103",
    "99999999-0008-4000-8000-000000000104",
)


def test_a_sound_configuration_needs_nothing() -> None:
    assert lost(server()) == {} and planned("windows-boot-devices", server()) == ()


def test_a_clone_with_new_guids() -> None:
    guest = clone_of(NEW)
    assert (
        len(lost(guest)) == 9
    )  # of manager, memory test, Windows (2), resume (2), recovery (2), its ramdisk
    _, guest = mended("windows-boot-devices", guest)
    assert lost(guest) == {}
    store = store_of(guest)
    assert guest.layout is not None
    for identity, number, device in (
        (bcd.MANAGER, 0x11000001, "/dev/sda1"),
        (bcd.MEMORY_TEST, 0x11000001, "/dev/sda1"),
        (bcd.WINDOWS, 0x21000001, "/dev/sda3"),
        (bcd.RESUME, 0x21000001, "/dev/sda3"),
        (bcd.RECOVERY, 0x11000001, "/dev/sda4"),
        (bcd.RAMDISK, 0x31000003, "/dev/sda4"),
    ):
        found = store.objects[identity].device(number)
        assert found is not None
        partition = find_partition(found, guest.layout)
        assert partition is not None and partition.device == device


def test_a_clone_whose_partitions_kept_their_guids() -> None:
    disk = "99999999-0008-4000-8000-000000000100"
    _, guest = mended("windows-boot-devices", clone_of(gpt_layout(disk)))
    assert lost(guest) == {}


def test_only_windows_was_moved_to_another_partition() -> None:
    new = "99999999-0008-4000-8000-000000000103"
    lines, guest = mended("windows-boot-devices", clone_of(gpt_layout(root=new)))
    assert lost(guest) == {}
    assert sorted(line.partition(": ")[2] for line in lines) == [
        f"device partition {new} of Windows Resume Application",
        f"device partition {new} of Windows Server",
        f"filedevice partition {new} of Windows Resume Application",
        f"osdevice partition {new} of Windows Server",
    ]
    assert {line.partition("Objects\\")[2].partition("\\")[0] for line in lines} == {bcd.WINDOWS, bcd.RESUME}


def test_a_disk_that_got_a_new_signature() -> None:
    """MBR: the partitions stay where they are; 350 MB System Reserved and C:."""
    places = {"/dev/sda1": 1 << 20, "/dev/sda3": 351 << 20, "/dev/sda4": 900 << 20}
    parts = tuple(Partition(device, n, at, 1, "0x07") for n, (device, at) in enumerate(places.items(), 1))
    layout = Layout((Disk("/dev/sda", 1 << 30, table="dos", table_id="0badcafe", partitions=parts),))
    old = bcd.boot_keys(*(bcd.mbr(at, 0xD0D00008) for at in places.values()))
    windows = dict(old[rf"Objects\{bcd.WINDOWS}\Elements\12000002"])
    assert windows  # winload.efi is the program of a server in memory
    _, guest = mended("windows-boot-devices", clone_of(layout, old))
    assert lost(guest) == {}
    device = store_of(guest).objects[bcd.WINDOWS].device(0x21000001)
    assert device is not None and (device.disk_id, device.start) == ("0badcafe", 351 << 20)


def test_from_mbr_to_gpt() -> None:
    old = bcd.boot_keys(bcd.mbr(1 << 20, 7), bcd.mbr(351 << 20, 7), bcd.mbr(900 << 20, 7))
    _, guest = mended("windows-boot-devices", clone_of(gpt_layout(), old))
    assert lost(guest) == {}
    stored = store_of(guest).objects[bcd.WINDOWS].elements[0x21000001].data
    assert stored == bcd.gpt(ROOT, DISK)


def test_a_second_windows_on_a_disk_that_was_not_given_is_left_alone() -> None:
    other = "{aaaaaaaa-0008-11ee-9f2c-d0d0d0d00008}"
    foreign = bcd.gpt("77777777-0000-4000-8000-000000000003", "77777777-0000-4000-8000-000000000000")
    second: dict[str, Mapping[str, Data]] = {
        key.replace(bcd.WINDOWS, other): dict(one) for key, one in BOOT.items() if bcd.WINDOWS in key
    }
    for number in ("11000001", "21000001"):
        second[rf"Objects\{other}\Elements\{number}"] = {"Element": foreign}
    guest = clone_of(gpt_layout(), {**BOOT, **second})
    assert planned("windows-boot-devices", guest) == ()
    _, guest = mended("windows-boot-devices", clone_of(NEW, {**BOOT, **second}))
    assert {name.partition(" ")[0] for name in lost(guest)} == {other}


def test_another_windows_by_default_does_not_hide_this_one() -> None:
    """The guest's own entry is found by its program and folder, as long as none is sound."""
    odd = element(0x23000003, bcd.RECOVERY, bcd.MANAGER)
    _, guest = mended("windows-boot-devices", clone_of(NEW, odd))
    assert lost(guest) == {}


def test_a_windows_that_is_elsewhere_is_not_this_one() -> None:
    """Its program is not on this root: what its entry means is not known."""
    elsewhere = element(0x12000002, r"\Other\system32\winload.efi")
    _, guest = mended("windows-boot-devices", clone_of(NEW, elsewhere))
    assert bcd.WINDOWS in {name.partition(" ")[0] for name in lost(guest)}


def test_a_configuration_on_the_drive_of_windows_itself() -> None:
    """As on a disk with one partition: the boot manager is there too."""
    files = {"/Boot/BCD": make_hive(BOOT, "BCD")}
    guest = server(boot=None, files=files, layout=NEW)
    _, guest = mended("windows-boot-devices", guest)
    device = store_of(guest).objects[bcd.MANAGER].device(0x11000001)
    assert device is not None and device.partition_id == NEW.disks[0].partitions[2].id


def test_windows_behind_bitlocker() -> None:
    opened = Volume("/dev/mapper/bitlocker", Holder.CRYPT, 1 << 30, "ntfs", parents=("/dev/sda3",))
    guest = replace(clone_of(NEW), root=opened)
    _, guest = mended("windows-boot-devices", guest)
    assert lost(guest) == {}


def test_two_recovery_partitions_are_not_chosen_from() -> None:
    disk = NEW.disks[0]
    more = replace(
        disk.partitions[3], number=5, device="/dev/sda5", id="88888888-0008-4000-8000-000000000105"
    )
    layout = Layout((replace(disk, partitions=(*disk.partitions, more)),))
    _, guest = mended("windows-boot-devices", clone_of(layout))
    assert {one.partition_id for one in lost(guest).values()} == {RE}


def test_a_disk_without_a_signature_has_no_name() -> None:
    part = Partition("/dev/sda3", 1, 1 << 20, 1, "0x07")
    layout = Layout((Disk("/dev/sda", 1 << 30, table="dos", table_id="00000000", partitions=(part,)),))
    assert planned("windows-boot-devices", clone_of(layout)) == ()
