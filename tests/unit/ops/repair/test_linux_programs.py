"""The repairs that run the guest's own programs: when they are needed, with which words, on which disks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.change.change import NewLvmUuids, RunInGuest, SetUuid, WriteFile
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.shelf_plan import Planned, repairs_in_order
from imgtools.records.disks import Disk, Holder, Partition, Volume
from tests.support.linux_boot import (
    FILES,
    MBR,
    NEW,
    OLD,
    ROOT,
    ROOT_UUID,
    SWAP,
    SWAP_UUID,
    debian,
    grub_cfg,
)
from tests.support.memory import Content
from tests.support.repairs import SHELF, planned

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
CLOUD = Disk(
    "/dev/sda",
    4 << 30,
    table="gpt",
    partitions=(
        Partition("/dev/sda1", 1, 128 << 20, 1 << 30, "X"),
        Partition("/dev/sda14", 14, 1 << 20, 3 << 20, BIOS_BOOT),
        Partition("/dev/sda3", 3, 4 << 20, 100 << 20, ESP_TYPE),
    ),
)
UEFI: dict[str, Content | None] = {"/usr/lib/grub/x86_64-efi/modinfo.sh": ""}


def runs(name: str, guest: Guest, /, **settings: str) -> list[RunInGuest]:
    return [one for one in planned(name, guest, **settings) if isinstance(one, RunInGuest)]


# -- initramfs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [None, ""])
def test_a_missing_or_empty_initramfs_is_made(there: str | None) -> None:
    (run,) = runs("initramfs", debian({f"/boot/initrd.img-{NEW}": there}))
    assert f"update-initramfs -c -k {NEW}" in run.script and run.what == f"update-initramfs for {NEW}"
    assert (
        f"test -s /boot/initrd.img-{NEW}" in run.script
        and f"lsinitramfs /boot/initrd.img-{NEW}" in run.script
    )


def test_a_kernel_that_is_named_gets_a_new_one() -> None:
    (run,) = runs("initramfs", debian(), kernel=OLD)
    assert OLD in run.script and NEW not in run.script
    with pytest.raises(UnsupportedGuest, match="no kernel 5"):
        planned("initramfs", debian(), kernel="5")
    with pytest.raises(UnsupportedGuest, match="modules of kernel"):
        planned("initramfs", debian({f"/usr/lib/modules/{OLD}/modules.dep": None}), kernel=OLD)


@pytest.mark.parametrize(
    ("program", "words", "path"),
    [
        ("dracut", "dracut --force --no-hostonly", f"/boot/initramfs-{NEW}.img"),
        ("mkinitcpio", f"mkinitcpio -k {NEW} -g", f"/boot/initramfs-{NEW}.img"),
        ("booster", "booster build --force --universal", f"/boot/initramfs-{NEW}.img"),
        ("mkinitfs", "mkinitfs -o", f"/boot/initramfs-{NEW}"),
    ],
)
def test_each_program_is_told_in_its_own_words(program: str, words: str, path: str) -> None:
    files: dict[str, Content | None] = {f"/boot/initrd.img-{one}": None for one in (OLD, NEW)}
    files |= {"/usr/sbin/update-initramfs": None, f"/usr/bin/{program}": ""}
    both = runs("initramfs", debian(files))
    assert len(both) == 2
    (run,) = [one for one in both if NEW in one.script]
    assert words in run.script and f"{path} " in run.script.replace("\n", " ")


def test_debians_dracut_makes_what_debians_grub_names() -> None:
    files: dict[str, Content | None] = {f"/boot/initrd.img-{NEW}": None, "/usr/sbin/update-initramfs": None}
    files |= {"/usr/bin/dracut": "", "/etc/kernel/postinst.d/dracut": ""}
    (run,) = runs("initramfs", debian(files))
    assert f"dracut --force --no-hostonly /boot/initrd.img-{NEW} {NEW}\n" in run.script


def test_kernels_that_never_had_one_and_guests_without_a_program() -> None:
    none: dict[str, Content | None] = {f"/boot/initrd.img-{one}": None for one in (OLD, NEW)}
    bare = "\n".join(line for line in grub_cfg(NEW, OLD).splitlines() if "initrd" not in line)
    assert runs("initramfs", debian({**none, "/boot/grub/grub.cfg": bare})) == []
    assert SHELF["initramfs"].operation.lacking(debian({"/usr/sbin/update-initramfs": None})) != ""


# -- GRUB ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, "", "# nothing\n", "menuentry 'x' {\n", grub_cfg("5.10", "5.9")])
def test_a_menu_that_starts_nothing_is_made_anew(config: str | None) -> None:
    (run,) = runs("grub-config", debian({"/boot/grub/grub.cfg": config}))
    assert "grub-mkconfig -o /boot/grub/grub.cfg" in run.script


def test_a_menu_is_made_where_the_links_lead() -> None:
    from tests.support.memory import link

    files = {path.replace("/boot/grub/", "/boot/grub2/"): text for path, text in FILES.items()}
    guest = debian({**dict.fromkeys(FILES), **files, "/etc/grub2.cfg": link("../boot/grub2/grub.cfg")})
    (run,) = runs("grub-config", guest, force="yes")
    assert "-o /boot/grub2/grub.cfg" in run.script
    assert runs("grub-config", guest) == []


def test_grub_is_installed_on_the_disk_of_boot() -> None:
    (run,) = runs("grub-install", debian())
    assert run.devices == ("/dev/sda",) and '--target=i386-pc --recheck "$disk"' in run.script


def test_grub_is_installed_through_lvm_and_arrays() -> None:
    root = Volume("/dev/vg/root", Holder.LV, 1 << 30, "ext4", parents=("/dev/md0",))
    array = Volume("/dev/md0", Holder.MD, 1 << 30, "LVM2_member", parents=("/dev/sda1", "/dev/sdb1"))
    disks = [
        replace(
            MBR,
            device=f"/dev/sd{letter}",
            partitions=(replace(MBR.partitions[0], device=f"/dev/sd{letter}1"),),
        )
        for letter in "abc"
    ]
    guest = debian(volumes=(root, array))
    assert guest.layout is not None
    guest = replace(
        guest,
        root=root,
        mounts=(replace(guest.mounts[0], volume=root),),
        layout=replace(guest.layout, disks=tuple(disks)),
    )
    (run,) = runs("grub-install", guest)
    assert run.devices == ("/dev/sda", "/dev/sdb")


def test_grub_for_uefi_goes_to_the_fallback_path_and_the_distributions() -> None:
    guest = debian(UEFI, disk=CLOUD, esp={"/EFI/debian/grubx64.efi": "MZ"})
    (run,) = runs("grub-install", guest)
    efi = [line for line in run.script.splitlines() if "x86_64-efi" in line]
    assert [line.rpartition(" ")[2] for line in efi] == ["--removable", "--bootloader-id=debian"]
    assert all("--efi-directory=/boot/efi --no-nvram" in line for line in efi) and run.devices == (
        "/dev/sda",
    )
    (run,) = runs("grub-install", debian(UEFI, disk=CLOUD, esp={"/EFI/BOOT/BOOTX64.EFI": "MZ"}))
    assert "efi" not in run.script  # only for BIOS: its code is not there


@pytest.mark.parametrize(
    ("firmware", "targets"),
    [("", ["i386-pc", "x86_64-efi"]), ("bios", ["i386-pc"]), ("uefi", ["x86_64-efi"])],
)
def test_grub_is_installed_for_the_firmware_that_is_named(firmware: str, targets: list[str]) -> None:
    guest = debian(UEFI, disk=CLOUD, esp={"/EFI/BOOT/BOOTX64.EFI": "MZ"})
    (run,) = runs("grub-install", guest, force="yes", firmware=firmware)
    assert [one for one in ("i386-pc", "x86_64-efi") if f"--target={one}" in run.script] == targets


def test_a_firmware_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="not a value for firmware: 'efi'"):
        planned("grub-install", debian(), firmware="efi")


def test_fedoras_fallback_is_made_of_its_shim() -> None:
    files: dict[str, Content | None] = {"/usr/lib/grub/i386-pc/modinfo.sh": None}
    guest = debian(files, disk=CLOUD, esp={"/EFI/fedora/shimx64.efi": "MZshim"})
    guest = replace(guest, os=replace(guest.os, distro="fedora", families=("fedora",)))
    assert planned("grub-install", guest) == (WriteFile("/boot/efi/EFI/BOOT/BOOTX64.EFI", b"MZshim"),)
    bare = debian(files, disk=CLOUD, esp={})
    bare = replace(bare, os=guest.os)
    with pytest.raises(UnsupportedGuest, match="no shim"):
        planned("grub-install", bare)


def test_a_disk_without_room_is_refused() -> None:
    with pytest.raises(UnsupportedGuest, match="/dev/sdx is no disk"):
        planned("grub-install", debian(), disk="/dev/sdx")


# -- systemd-boot ----------------------------------------------------------------------------------------------

SDBOOT: dict[str, Content | None] = {
    "/usr/lib/systemd/boot/efi/systemd-bootx64.efi": "MZ",
    "/usr/bin/bootctl": "",
    "/boot/grub/grub.cfg": None,
    "/boot/grub/grubenv": None,
}


@pytest.mark.parametrize("there", [{}, {"/EFI/BOOT/BOOTX64.EFI": ""}])
def test_systemd_boot_is_put_where_firmware_finds_it(there: dict[str, Content]) -> None:
    (run,) = runs("systemd-boot", debian(SDBOOT, esp=there))
    assert "/usr/bin/bootctl install --no-variables --esp-path=/boot/efi\n" in run.script
    assert "test -s /boot/efi/EFI/BOOT/BOOTX64.EFI ||" in run.script


def test_systemd_boot_that_is_there_is_left() -> None:
    sound = debian(SDBOOT, esp={"/EFI/BOOT/BOOTX64.EFI": "MZ"})
    assert runs("systemd-boot", sound) == [] and len(runs("systemd-boot", sound, force="yes")) == 1
    with pytest.raises(UnsupportedGuest, match="mounts no ESP"):
        planned("systemd-boot", debian(SDBOOT))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no systemd-boot"),
        (SDBOOT | {"/boot/grub/grub.cfg": "x"}, "it starts by another boot loader"),
        (SDBOOT | {"/usr/bin/bootctl": None}, "no bootctl"),
        (SDBOOT, ""),
    ],
)
def test_whom_systemd_boot_is_for(files: dict[str, Content | None], said: str) -> None:
    assert SHELF["systemd-boot"].operation.lacking(debian(files, esp={})) == said


# -- packages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["unpacked", "half-configured", "triggers-pending"])
def test_dpkg_finishes_what_it_began(state: str) -> None:
    status = f"Package: bash\nStatus: install ok installed\n\nPackage: x\nStatus: install ok {state}\n"
    (run,) = runs("packages-interrupted", debian({"/var/lib/dpkg/status": status}))
    assert "--configure -a" in run.script and not run.network


def test_dpkgs_journal_is_taken_in() -> None:
    assert len(runs("packages-interrupted", debian({"/var/lib/dpkg/updates/0001": "x"}))) == 1
    assert runs("packages-interrupted", debian({"/var/lib/dpkg/updates/tmp.i": ""})) == []


def test_removed_packages_and_old_yum() -> None:
    status = "Package: x\nStatus: deinstall ok config-files\n\nPackage: y\nStatus: hold ok installed\n"
    assert runs("packages-interrupted", debian({"/var/lib/dpkg/status": status})) == []
    files: dict[str, Content | None] = {
        "/usr/sbin/yum-complete-transaction": "",
        "/var/lib/yum/transaction-all.1": "",
    }
    (run,) = runs("packages-interrupted", debian(files))
    assert "--cleanup-only" in run.script


def test_what_kernel_install_has_copied_is_made_anew_as_well() -> None:
    place = f"/boot/efi/0123456789abcdef/{NEW}"
    entry = f"version {NEW}\nlinux /0123456789abcdef/{NEW}/linux\ninitrd /0123456789abcdef/{NEW}/initrd.img-{NEW}\n"
    esp = {"/loader/loader.conf": "", "/loader/entries/x.conf": entry, f"/0123456789abcdef/{NEW}/linux": "x"}
    for there in ({}, {f"/0123456789abcdef/{NEW}/initrd.img-{NEW}": "x"}):
        (run,) = runs("initramfs", debian({"/boot/grub/grub.cfg": None}, esp=esp | there), kernel=NEW)
        assert f"cat /boot/initrd.img-{NEW} >{place}/initrd.img-{NEW}\n" in run.script
    (run,) = runs("initramfs", debian(), kernel=NEW)
    assert "cat " not in run.script


@pytest.mark.host
def test_an_rpm_database_that_cannot_be_read_is_built_again() -> None:
    guest = debian({"/usr/bin/rpm": "", "/var/lib/rpm/Packages": "nothing"})
    (run,) = runs("rpm-database", guest)
    assert "rpm --rebuilddb" in run.script and "packages would be lost" in run.script
    (run,) = runs("rpm-database", guest, lose="yes")
    assert "rpm --rebuilddb" in run.script and "packages would be lost" not in run.script
    assert SHELF["rpm-database"].operation.lacking(debian()) == "no rpm"


# -- new UUIDs -------------------------------------------------------------------------------------------------


def test_everything_follows_new_uuids() -> None:
    changes = planned("new-uuids", debian())
    new = {one.device: one.uuid for one in changes if isinstance(one, SetUuid)}
    assert set(new) == {"/dev/sda1", "/dev/sda2"} and len(set(new.values())) == 2
    written = {one.path: one.content.decode() for one in changes if isinstance(one, WriteFile)}
    assert set(written) == {"/etc/fstab", "/boot/grub/grub.cfg"}
    for text in written.values():
        assert ROOT_UUID not in text and SWAP_UUID not in text and new["/dev/sda1"] in text
    assert [one.what.partition(" ")[0] for one in changes if isinstance(one, RunInGuest)] == [
        "update-initramfs", "update-initramfs", "grub-install", "grub-mkconfig",
    ]  # fmt: skip


def renewed(guest: Guest) -> set[str]:
    return {one.device for one in planned("new-uuids", guest) if isinstance(one, SetUuid)}


def test_swap_of_another_system_and_numbers_of_fat_stay() -> None:
    other = replace(ROOT, device="/dev/sda5", uuid="0000-5")
    assert renewed(debian(volumes=(ROOT, SWAP, other))) == {"/dev/sda1"}
    assert renewed(debian(esp={})) == {"/dev/sda1", "/dev/sda2"}


def test_lvm_gets_new_ones_last_if_it_is_asked_for() -> None:
    root = replace(ROOT, device="/dev/vg/root", holder=Holder.LV)
    guest = debian(volumes=(root,))
    guest = replace(guest, root=root, mounts=(replace(guest.mounts[0], volume=root),))
    changes = planned("new-uuids", guest, lvm="yes")
    assert NewLvmUuids(("vg",), ("vg",)) in changes
    ordered = repairs_in_order([Planned(SHELF["new-uuids"], True, changes)])
    kinds = [type(one) for one in ordered]
    assert kinds.index(SetUuid) < kinds.index(WriteFile) < kinds.index(RunInGuest) < kinds.index(NewLvmUuids)
