"""What the boot manager of a Windows can start, and which partition of the image that is."""

from __future__ import annotations

import struct

from imgtools.guest.windows.boot_entries import read_boot
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.registry import open_registry
from imgtools.records.disks import Disk, Layout, Partition
from imgtools.records.windows import WindowsBootEntry
from tests.support.boot_store import (
    EMS,
    MANAGER,
    MEMORY_TEST,
    RECOVERY,
    RESUME,
    WINDOWS,
    boot_keys,
    gpt,
    mbr,
)
from tests.support.hives import Keys, make_hive
from tests.support.memory import Content
from tests.support.windows import windows_files

MIB = 1 << 20
DISK = "D0D0D0D0-0008-4000-8000-000000000001"
PARTITIONS = tuple(f"D0D0D0D0-0008-4000-8000-00000000010{number}" for number in (1, 2, 3))
GPT_LAYOUT = Layout(
    (
        Disk(
            "/dev/sda", 1 << 30, table="gpt", table_id=DISK,
            partitions=tuple(
                Partition(f"/dev/sda{number}", number, number * MIB, MIB, "", id=identity)
                for number, identity in enumerate(PARTITIONS, 1)
            ),
        ),
    )
)  # fmt: skip


def boot(keys: Keys, layout: Layout) -> tuple[dict[str, WindowsBootEntry], RegistryFacts]:
    files: dict[str, Content] = {"/Boot/BCD": make_hive(keys, "BCD")}
    with open_registry(windows_files(more=files), "/Windows") as registry:
        facts = RegistryFacts(registry)
        return {one.id: one for one in read_boot(facts, layout) or ()}, facts


def test_entries_of_a_gpt_disk() -> None:
    keys = boot_keys(*(gpt(identity, DISK) for identity in PARTITIONS))
    found, facts = boot(keys, GPT_LAYOUT)
    assert found[WINDOWS] == WindowsBootEntry(
        WINDOWS, "loader", "Windows Server", "/dev/sda2", "", r"\Windows\system32\winload.efi", r"\Windows",
        default=True, in_menu=True,
    )  # fmt: skip
    # The image of the recovery environment is on the third partition.
    assert (found[RECOVERY].device, found[RECOVERY].default) == ("/dev/sda3", False)
    assert (found[MANAGER].device, found[MEMORY_TEST].device) == ("/dev/sda1", "/dev/sda1")
    assert found[RESUME].kind == "resume"
    assert facts.warnings == []


def test_a_clone_whose_disk_has_another_signature_names_what_is_gone() -> None:
    layout = Layout(
        (
            Disk(
                "/dev/sda", 1 << 30, table="dos", table_id="0x1234abcd",
                partitions=(Partition("/dev/sda1", 1, MIB, MIB, "0x7"),),
            ),
        )
    )  # fmt: skip
    here, gone = mbr(MIB, 0x1234ABCD), mbr(MIB, 0x99999999)
    found, _ = boot(boot_keys(here, gone, here, efi=False), layout)
    assert found[MANAGER].device == "/dev/sda1"
    assert (found[WINDOWS].device, found[WINDOWS].target) == (
        "",
        "partition at byte 1048576 of disk 99999999",
    )


def test_options_that_change_how_it_starts() -> None:
    keys = dict(boot_keys(*(gpt(identity, DISK) for identity in PARTITIONS)))
    elements = rf"Objects\{WINDOWS}\Elements"
    keys |= {
        rf"{elements}\25000080": {"Element": struct.pack("<Q", 1)},
        rf"{elements}\26000090": {"Element": b"\1"},
        rf"{elements}\260000b0": {"Element": b"\1"},
        rf"{elements}\16000009": {"Element": b"\0"},
        rf"{elements}\250000e0": {"Element": struct.pack("<Q", 1)},
    }
    found, _ = boot(keys, GPT_LAYOUT)
    assert found[WINDOWS].options == (
        "safe-mode-network", "boot-log", "ems", "no-recovery", "ignore-failures",
    )  # fmt: skip
    assert found[RECOVERY].options == ()
    assert EMS not in found


def test_no_configuration_and_a_damaged_one() -> None:
    with open_registry(windows_files(), "/Windows") as registry:
        facts = RegistryFacts(registry)
        assert read_boot(facts, GPT_LAYOUT) is None
        assert facts.warnings == []
    _, facts = boot({"Description": {"System": 1}}, GPT_LAYOUT)
    assert ["no key Objects" in one.text for one in facts.warnings] == [True]
