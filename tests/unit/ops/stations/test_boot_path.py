"""The stations from the boot sector to the kernel's arguments, on a guest in memory: findings, and what mends them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fixtures.executables import elf, initrd, kernel
from fixtures.unified import unified_kernel
from imgtools.guest.guest import Guest
from imgtools.ops.station import Examined, StationReport, load_stations, visit
from imgtools.records.diagnosis import Remedy, Severity, StationState
from imgtools.records.disks import Disk, Layout, Mount
from imgtools.records.system import OsInfo, OsType
from imgtools.volumes.boot_code import GRUB, SECTOR
from tests.support.grub import core_image
from tests.support.images import partitioned
from tests.support.memory import Content, memory_files, memory_volume
from tests.support.volumes import bytes_volume

NEW, OLD = "6.1.0-18-amd64", "6.1.0-9-amd64"
ROOT = memory_volume("/dev/sda1", uuid="d00d")
DISK = replace(partitioned("0x83", table="dos"), size=1 << 20)
SIZE = 20_000
MENU = "\n".join(
    f"menuentry 'Debian {one}' --id '{one}' {{\n  linux /boot/vmlinuz-{one} root=UUID=d00d ro\n"
    f"  initrd /boot/initrd.img-{one}\n}}"
    for one in (NEW, OLD)
)
BASE: dict[str, Content] = {
    "/boot/grub/grub.cfg": MENU,
    **{f"/boot/vmlinuz-{one}": kernel(one, str(SIZE)).ljust(SIZE, b"\0") for one in (NEW, OLD)},
    **{f"/boot/initrd.img-{one}": initrd(2048) for one in (NEW, OLD)},
    **{f"/lib/modules/{one}/modules.dep": "kernel/drivers/block/virtio_blk.ko:\n" for one in (NEW, OLD)},
}


def report(
    name: str,
    files: Mapping[str, Content],
    *gone: str,
    code: bytes = b"",
    behind: bytes = b"",
    thorough: bool = False,
    disk_of_it: Disk = DISK,
) -> StationReport:
    there = {path: content for path, content in {**BASE, **files}.items() if path not in gone}
    layout = Layout((disk_of_it,), volumes=(ROOT,))
    guest = Guest(
        ROOT, OsInfo(OsType.LINUX, arch="x86_64"), (Mount("/", ROOT),), memory_files(there), layout=layout
    )
    disk = bytes_volume(
        code.ljust(510, b"\0") + b"\x55\xaa" + behind.ljust(DISK.size - 512, b"\0"), "/dev/sda"
    )
    examined = Examined(layout, guest, open_device=lambda device: disk, thorough=thorough)
    (station,) = [one for one in load_stations() if one.name == name]
    found = visit(examined, station)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["boot-menu", "kernel", "initrd", "kernel-arguments"])
def test_a_healthy_guest(name: str) -> None:
    assert report(name, {}).state is StationState.SOUND


@pytest.mark.parametrize(
    "name", ["boot-sector", "efi-partition", "boot-menu", "kernel", "initrd", "kernel-arguments"]
)
def test_a_guest_without_a_boot_loader(name: str) -> None:
    assert report(name, {}, "/boot/grub/grub.cfg").state is StationState.ABSENT


def of_kernel(*versions: str) -> bytes:
    """An initial RAM disk with the modules of kernels."""
    modules = {f"usr/lib/modules/{one}/kernel/drivers/block/virtio_blk.ko.xz": b"" for one in versions}
    return initrd(4096, {"init": b"", **modules})


def test_modules_of_the_kernel_beside_those_of_others_are_enough() -> None:
    assert report("initrd", {I: of_kernel(NEW, OLD)}).findings == ()


def test_modules_of_another_kernel_stop_nothing_where_the_drivers_are_built_in() -> None:
    files: dict[str, Content] = {
        I: of_kernel(OLD),
        M: "",
        f"/lib/modules/{NEW}/modules.builtin": "kernel/drivers/block/virtio_blk.ko\n",
    }
    (found,) = report("initrd", files).findings
    assert (found.id, found.severity) == ("initrd-modules-foreign", Severity.SUSPICIOUS)
    assert report("initrd", {I: of_kernel(OLD)}).findings[0].severity is Severity.BROKEN


GRUB_BIOS: dict[str, Content] = {"/boot/grub/i386-pc/core.img": "x", "/boot/grub/i386-pc/normal.mod": "x"}
INSTALL = Remedy("grub-install", ("force=yes",))
CONFIG = Remedy("grub-config", ("force=yes",))
BY_OLD = Remedy("default-kernel", (f"kernel={OLD}",))
INITRAMFS = Remedy("initramfs", (f"kernel={NEW}",))
V, I, M = f"/boot/vmlinuz-{NEW}", f"/boot/initrd.img-{NEW}", f"/lib/modules/{NEW}/modules.dep"  # noqa: E741


def test_a_disk_without_room_for_boot_code_is_not_to_be_mended_by_it() -> None:
    """grub-install does nothing there, and the repair was rolled back: what it was to mend is still found."""
    gpt = replace(
        DISK, table="gpt", partitions=partitioned("C12A7328-F81F-11D2-BA4B-00A0C93EC93B").partitions
    )
    (found,) = report("boot-sector", GRUB_BIOS, disk_of_it=gpt).findings
    assert (found.id, found.severity, found.remedy) == ("boot-code-missing", Severity.SUSPICIOUS, None)
    assert "needs a BIOS boot partition" in found.advice


@pytest.mark.parametrize(
    ("station", "files", "gone", "finding", "remedy"),
    [
        ("boot-sector", GRUB_BIOS, (), "boot-code-missing", INSTALL),
        ("boot-sector", {"/boot/extlinux/ldlinux.sys": "x"}, (), "boot-code-missing", None),
        ("boot-menu", GRUB_BIOS, ("/boot/grub/grub.cfg",), "boot-menu-missing", CONFIG),
        ("boot-menu", {"/boot/grub/grub.cfg": MENU[:-1]}, (), "boot-menu-damaged", CONFIG),
        ("boot-menu", {"/boot/grub/grub.cfg": "set x=1\n"}, (), "boot-menu-empty", CONFIG),
        ("boot-menu", {"/boot/grub/grub.cfg": "blscfg\n"}, (), "boot-entries-missing", Remedy("boot-entries")),
        ("boot-menu", {"/boot/grub/grub.cfg": f'set default="x"\n{MENU}'}, (), "boot-default-missing",
         Remedy("default-kernel")),
        ("boot-menu", {"/boot/grub/grubenv": b"\0" * 1024}, (), "grub-env-damaged", Remedy("grub-env")),
        ("kernel", {}, (V,), "kernel-missing", BY_OLD),
        ("kernel", {}, (V, f"/boot/vmlinuz-{OLD}"), "kernel-missing", None),
        ("kernel", {V: kernel(NEW, str(SIZE))}, (), "kernel-damaged", BY_OLD),
        ("kernel", {V: elf("aarch64")}, (), "kernel-architecture", BY_OLD),
        ("kernel", {}, (M,), "modules-missing", BY_OLD),
        ("kernel", {}, (f"/boot/vmlinuz-{OLD}",), "kernel-missing", CONFIG),
        ("initrd", {}, (I,), "initrd-missing", INITRAMFS),
        ("initrd", {I: b""}, (), "initrd-damaged", INITRAMFS),
        ("initrd", {I: initrd(2048)[:1000]}, (), "initrd-damaged", INITRAMFS),
        ("initrd", {I: initrd(2048, {"x": b""})}, (), "initrd-no-init", INITRAMFS),
        ("initrd", {M: "kernel/fs/ext4/ext4.ko:\n"}, (), "initrd-driver-missing", INITRAMFS),
        ("initrd", {I: initrd(2048, {"init": b""})}, (), "initrd-disk-drivers", INITRAMFS),
        ("initrd", {I: of_kernel(OLD)}, (), "initrd-modules-foreign", INITRAMFS),
        ("initrd", {"/boot/grub/grub.cfg": MENU.replace(f"  initrd {I}\n", "")}, (), "initrd-missing", INITRAMFS),
        ("kernel-arguments", {"/boot/grub/grub.cfg": MENU.replace("d00d", "gone")}, (), "root-not-found",
         Remedy("root-device")),
        ("kernel-arguments", {"/boot/grub/grub.cfg": MENU.replace(" ro", " single")}, (), "boot-word-dangerous",
         Remedy("cmdline-words")),
        ("kernel-arguments", {"/etc/initramfs-tools/conf.d/resume": "RESUME=UUID=gone\n"}, (), "resume-not-found",
         Remedy("resume-device")),
    ],
)  # fmt: skip
def test_what_is_found_and_what_mends_it(
    station: str, files: dict[str, Content], gone: tuple[str, ...], finding: str, remedy: Remedy | None
) -> None:
    found = report(station, files, *gone).findings
    assert [one.id for one in found][:1] == [finding]
    assert found[0].remedy == remedy
    assert remedy or found[0].advice
    assert found[0].evidence


SEARCH = "search --no-floppy --fs-uuid --set=root {}\n"
LOST = "dead0000-0000-4000-8000-000000000000"
UKI = "/boot/efi/EFI/Linux/fixture.efi"


@pytest.mark.parametrize(
    ("menu", "expected"),
    [
        (SEARCH.format(LOST), ["grub-search-missing"]),
        (SEARCH.format(f"--hint-bios=hd0,gpt1 {LOST}") * 2, ["grub-search-missing"]),
        (f"search.fs_uuid {LOST} root hd0,gpt1\n", ["grub-search-missing"]),
        (SEARCH.format("$uuid"), []),
        ("search --no-floppy --label gone --set=root\n", []),
        (
            f"### BEGIN /etc/grub.d/30_os-prober ###\n{SEARCH.format(LOST)}### END /etc/grub.d/30_os-prober ###\n",
            [],
        ),
    ],
)
def test_what_grub_searches(menu: str, expected: list[str]) -> None:
    found = report("boot-menu", {"/boot/grub/grub.cfg": f"{menu}{MENU}"}).findings
    assert [one.id for one in found] == expected
    assert [one.evidence[0].line for one in found] == [1] * len(expected)


@pytest.mark.parametrize(
    ("station", "image", "expected"),
    [
        ("kernel-arguments", unified_kernel("root=UUID=d00d ro", NEW), []),
        ("initrd", unified_kernel("root=UUID=d00d ro", NEW), []),
        ("kernel-arguments", unified_kernel("root=UUID=gone ro", NEW), ["root-not-found"]),
        ("initrd", unified_kernel("", NEW, initrd(4096)[:999]), ["initrd-damaged"]),
        ("initrd", unified_kernel("", NEW, b"no archive"), ["initrd-damaged"]),
        ("kernel-arguments", unified_kernel("root=UUID=gone ro", NEW)[:1100], []),  # cut: said of the ESP
        ("kernel-arguments", b"", []),
    ],
)
def test_a_unified_kernel_image(station: str, image: bytes, expected: list[str]) -> None:
    beside, alone = report(station, {UKI: image}), report(station, {UKI: image}, "/boot/grub/grub.cfg")
    assert [one.id for one in beside.findings] == [one.id for one in alone.findings] == expected
    if expected:
        assert (beside.state, alone.state) == (StationState.SUSPICIOUS, StationState.BROKEN)
        assert beside.findings[0].evidence[0].path == UKI and "ukify" in beside.findings[0].advice


def test_junk_behind_an_initrd_is_suspicious() -> None:
    found = report("initrd", {I: initrd(2048) + b"junk behind it"})
    assert (found.state, [one.id for one in found.findings]) == (StationState.SUSPICIOUS, ["initrd-damaged"])


def test_an_initrd_that_is_packed_with_lzo_is_not_known() -> None:
    found = report("initrd", {I: b"\x89LZO\0\r\n\x1a\n" + bytes(64)})
    assert found.state is StationState.UNKNOWN and "lzo" in found.reason


def test_other_entries_initrds_are_unpacked_if_asked_for() -> None:
    cut: dict[str, Content] = {f"/boot/initrd.img-{OLD}": initrd(2048)[:1000]}
    assert report("initrd", cut).state is StationState.SOUND
    assert report("initrd", cut, thorough=True).state is StationState.SUSPICIOUS


def test_a_kernel_without_modules_may_be_meant_to_be_so() -> None:
    config: dict[str, Content] = {f"/boot/config-{NEW}": "# CONFIG_MODULES is not set\n"}
    assert report("kernel", config, M).state is StationState.SOUND


@pytest.mark.parametrize(
    ("wrong", "severities"), [(0, []), (3, [Severity.SUSPICIOUS]), (9000, [Severity.BROKEN])]
)
def test_a_core_image_with_a_few_wrong_bytes(wrong: int, severities: list[Severity]) -> None:
    """Behind it lies what grub-install adds, which mends some of it."""
    original = bytearray(core_image() + bytes(2048))
    struct.pack_into("<H", original, SECTOR + 0x14, 0x75B)
    added = 40 * SECTOR
    installed = original.ljust(-(-len(original) // SECTOR) * SECTOR + added, b"\0")
    struct.pack_into("<QHH", installed, 0x1F4, 2, len(installed) // SECTOR - 1, 0x820)
    struct.pack_into("<I", installed, SECTOR + 0x10, added)
    installed[0xD40 : 0xD40 + wrong] = b"\xee" * wrong
    code = bytearray(b"\xeb\x63\x90".ljust(0x180, b"\0") + GRUB)
    struct.pack_into("<Q", code, 0x5C, 1)
    files: dict[str, Content] = {
        "/boot/grub/i386-pc/core.img": bytes(original), "/boot/grub/i386-pc/normal.mod": "",
    }  # fmt: skip
    found = report("boot-sector", files, code=bytes(code), behind=bytes(installed))
    damage = [one for one in found.findings if one.id == "grub-core-damaged"]
    assert [one.severity for one in damage] == severities
    assert all(("GRUB mends itself" in one.text) is (wrong == 3) for one in damage)


def test_boot_code_that_needs_an_active_partition() -> None:
    found = report("boot-sector", {}, code=b"Missing operating system.\r\n")
    assert [one.id for one in found.findings] == ["boot-active-missing"]


def test_boot_code_that_nobody_knows() -> None:
    assert report("boot-sector", {}, code=b"something else").state is StationState.UNKNOWN
