"""What a guest's root needs before it can be mounted: drivers and tools that are in the kernel or its initial RAM disk.

Sources: the hooks of initramfs-tools, dracut and mkinitcpio for LVM, md and LUKS; modules.dep(5), modules.builtin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.initrd import Initrd
from imgtools.records.disks import Holder, Layout, Volume

LIMIT = 16 << 20  # bytes of modules.dep; 0.5 MB are usual
# A virtual machine's disk is behind one of these; the first three are what KVM gives.
VIRTUAL = ("virtio_blk", "virtio_scsi", "nvme")
DISKS = (*VIRTUAL, "ahci", "ata_piix", "sd_mod", "vmw_pvscsi", "mptspi", "hv_storvsc", "xen_blkfront", "megaraid_sas",
         "sym53c8xx")  # fmt: skip
FILESYSTEMS = {"ext2": "ext4", "ext3": "ext4", "ext4": "ext4", "xfs": "xfs", "btrfs": "btrfs", "f2fs": "f2fs",
               "jfs": "jfs", "reiserfs": "reiserfs", "squashfs": "squashfs", "erofs": "erofs"}  # fmt: skip
MAX_DEPTH = 20  # volumes below the root's


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that the root needs and that is nowhere: ``kind`` is ``driver`` or ``tool``."""

    kind: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class KernelModules:
    """The modules of a kernel by name, with ``_`` for ``-``: what each needs, and those that are built in."""

    needs: dict[str, tuple[str, ...]]
    built_in: frozenset[str]

    def all_for(self, name: str) -> set[str]:
        """A module and what it needs, without what is built in."""
        wanted = {name, *self.needs.get(name, ())}
        return {one for one in wanted if one not in self.built_in}


def kernel_modules(files: GuestReader, folder: str) -> KernelModules:
    """Read which modules a kernel has; none if the folder does not say."""
    needs = {}
    for line in _lines(files, f"{folder}/modules.dep"):
        path, _, rest = line.partition(":")
        needs[_name(path)] = tuple(map(_name, rest.split()))
    built_in = frozenset(map(_name, _lines(files, f"{folder}/modules.builtin")))
    return KernelModules(needs, built_in)


def _lines(files: GuestReader, path: str) -> list[str]:
    if not files.is_file(path) or files.stat(path).size > LIMIT:
        return []
    return [line for line in files.read_text(path, limit=LIMIT).split("\n") if line]


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def lacks(initrd: Initrd, modules: KernelModules, root: Volume, layout: Layout) -> Iterator[Lack]:
    """Yield what the root needs, the kernel has as a module or not at all, and the initial RAM disk lacks."""
    told: set[str] = set()
    for one in _lacks(initrd, modules, root, layout):
        if one.name not in told:
            told.add(one.name)
            yield one


def _lacks(initrd: Initrd, modules: KernelModules, root: Volume, layout: Layout) -> Iterator[Lack]:
    volumes = tuple(_below(root, layout))
    holders = {one.holder for one in volumes}
    if module := FILESYSTEMS.get(root.content):
        yield from _module(initrd, modules, module, f"the root is {root.content}")
    if Holder.LV in holders:
        yield from _module(initrd, modules, "dm_mod", "the root is on LVM")
        yield from _tool(initrd, "lvm", "the root is on LVM")
    if Holder.MD in holders:
        yield from _module(initrd, modules, "md_mod", "the root is on a RAID array")
        yield from _tool(initrd, "mdadm", "the root is on a RAID array")
    if Holder.CRYPT in holders:
        yield from _module(initrd, modules, "dm_crypt", "the root is encrypted")
        yield from _tool(initrd, "cryptsetup", "the root is encrypted", "systemd-cryptsetup")


def _below(root: Volume, layout: Layout) -> Iterator[Volume]:
    """Yield the root's volume and those that it is made of."""
    todo, seen = [root], set[str]()
    while todo and len(seen) < MAX_DEPTH:
        one = todo.pop()
        if one.device not in seen:
            seen.add(one.device)
            yield one
            todo += [other for other in layout.volumes if other.device in one.parents]


def _module(initrd: Initrd, modules: KernelModules, name: str, why: str) -> Iterator[Lack]:
    if name not in modules.needs or name in modules.built_in:
        return  # built in, or of a kernel that does not say what it has
    there = initrd.modules
    for one in sorted(modules.all_for(name)):
        if one not in there:
            yield Lack("driver", one, why if one == name else f"{why}, and {name} needs it")


def _tool(initrd: Initrd, name: str, why: str, *others: str) -> Iterator[Lack]:
    if not initrd.has_program(name, *others) and not initrd.is_booster:
        yield Lack("tool", name, why)


def disk_drivers(initrd: Initrd, modules: KernelModules) -> frozenset[str]:
    """Return the drivers of disks that a kernel has when it looks for its root."""
    there = initrd.modules | modules.built_in
    return frozenset(one for one in DISKS if one in there)


def offered_drivers(modules: KernelModules) -> frozenset[str]:
    """Return the drivers of disks that a kernel has as modules."""
    return frozenset(one for one in DISKS if one in modules.needs)
