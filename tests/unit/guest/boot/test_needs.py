"""What a root needs of the kernel and its initial RAM disk."""

from __future__ import annotations

from imgtools.guest.boot.initrd import Initrd
from imgtools.guest.boot.needs import KernelModules, disk_drivers, kernel_modules, lacks, offered_drivers
from imgtools.records.disks import Holder, Layout, Volume
from tests.support.memory import memory_files, memory_volume

DEP = """kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/drivers/md/dm-mod.ko.xz:
kernel/drivers/md/dm-crypt.ko.xz: kernel/drivers/md/dm-mod.ko.xz
kernel/drivers/block/virtio_blk.ko.xz:
"""
PART = memory_volume("/dev/sda2", "crypto_LUKS")
CRYPT = Volume("/dev/mapper/luks", Holder.CRYPT, 1, "LVM2_member", parents=("/dev/sda2",))
ROOT = Volume("/dev/vg/root", Holder.LV, 1, "xfs", parents=("/dev/mapper/luks",))
LAYOUT = Layout((), volumes=(PART, CRYPT, ROOT))


def modules(built_in: str = "") -> KernelModules:
    return kernel_modules(memory_files({"/m/modules.dep": DEP, "/m/modules.builtin": built_in}), "/m")


def lacking(*names: str, built_in: str = "", root: Volume = ROOT) -> list[str]:
    return [one.name for one in lacks(Initrd(("cpio",), frozenset(names)), modules(built_in), root, LAYOUT)]


ALL = ("a/xfs.ko.xz", "a/libcrc32c.ko", "a/dm-mod.ko.zst", "a/dm_crypt.ko", "sbin/lvm", "usr/bin/cryptsetup")


def test_all_that_is_below_the_root_is_needed() -> None:
    assert lacking(*ALL) == []
    assert lacking() == ["libcrc32c", "xfs", "dm_mod", "lvm", "dm_crypt", "cryptsetup"]
    assert lacking(root=memory_volume("/dev/sda1", "xfs")) == ["libcrc32c", "xfs"]


def test_what_is_built_in_need_not_be_there() -> None:
    assert lacking(*ALL[1:], built_in="kernel/fs/xfs/xfs.ko\n") == []


def test_what_the_kernel_says_nothing_of_is_not_asked_for() -> None:
    assert lacking(root=memory_volume("/dev/sda1", "btrfs")) == []


def test_one_program_may_do_all() -> None:
    assert lacking(*ALL[:4], "etc/booster.init.yaml") == []


def test_drivers_of_disks() -> None:
    assert offered_drivers(modules()) == {"virtio_blk"}
    assert disk_drivers(
        Initrd((), frozenset({"x/ahci.ko"})), modules("kernel/drivers/nvme/host/nvme.ko\n")
    ) == {
        "ahci",
        "nvme",
    }
