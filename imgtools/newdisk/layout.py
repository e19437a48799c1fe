"""How a new disk is divided: its partitions, what each holds, and how large each becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imgtools.engine.mkfs import REPEATABLE, NewFilesystem
from imgtools.errors import TooSmall, UsageError
from imgtools.newdisk.assemble import ALIGNED, GPT_END, USUAL
from imgtools.records.request import Secret
from imgtools.units import format_size, rounded_up

__all__ = [
    "REPEATABLE",
    "Layout",
    "NewFilesystem",
    "Part",
    "Subvolume",
    "Wish",
    "overhead",
    "preset",
    "share_out",
]

MIB = 1 << 20
EXTENT = 4 * MIB  # of LVM; its metadata take the first
LUKS_HEADER = 4 * MIB  # more than QEMU's LUKS header takes
DEFAULT_WEIGHT = 1000  # as Weight= of repart.d(5)


@dataclass(frozen=True, slots=True)
class Wish:
    """How large something is to be, as SizeMinBytes=, SizeMaxBytes= and Weight= of repart.d(5) say it. Bytes.

    ``least`` 0: as much as its files need; ``most`` 0: as much as there is.
    """

    least: int = 0
    most: int = 0
    weight: int = DEFAULT_WEIGHT


@dataclass(frozen=True, slots=True)
class Subvolume:
    """A subvolume of btrfs: where it lies, and where it is mounted."""

    path: str
    mount: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition or logical volume.

    :param filesystem: None: a physical volume of ``group``, or nothing.
    :param mount: where its files come from in the source; empty: it gets none.
    :param where: file and line that said so, for complaints.
    """

    type: str = ""
    name: str = ""
    size: Wish = Wish()
    filesystem: NewFilesystem | None = None
    mount: str = ""
    subvolumes: tuple[Subvolume, ...] = ()
    group: str = ""
    volumes: tuple[Part, ...] = ()
    secret: Secret | None = field(default=None, repr=False)
    uuid: str = ""
    bootable: bool = False
    where: str = ""

    @property
    def kind_of_partition(self) -> str:
        """What its entry in the table says that it is."""
        if self.type:
            return self.type
        if self.secret is not None:
            return "luks"
        if self.group:
            return "lvm"
        return USUAL.get(self.filesystem.kind, "linux") if self.filesystem is not None else "linux"

    def mounts(self) -> list[str]:
        """Return the mount points of it and of all in it."""
        own = [self.mount] if self.mount else []
        own += [one.mount for one in self.subvolumes if one.mount]
        return own + [point for volume in self.volumes for point in volume.mounts()]


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole disk. ``label`` is "gpt", "mbr" or "none" (one part, which is the disk)."""

    label: str
    parts: tuple[Part, ...]
    size: str = ""  # that a file says; the command line has the last word


PRESETS = {
    "disk": "an empty disk",
    "part": "a partition",
    "fs": "a partition with a filesystem",
    "lv": "a logical volume",
    "lvfs": "a logical volume with a filesystem",
    "bootroot": "a partition for /boot and one for the rest",
    "bootrootlv": "a partition for /boot, and a logical volume for the rest",
}
BOOT_SIZE = 128 * MIB  # guestfish -N bootroot has 128 MB
BOOT_KIND = "ext2"  # and ext2
GROUP, VOLUME = "VG", "LV"  # its names too


def preset(name: str, new: NewFilesystem, label: str) -> Layout:
    """Return one of guestfish's layouts (``guestfish -N``), with a filesystem as it is asked for.

    :raises UsageError: there is none of that name, or it needs partitions.
    """
    if name not in PRESETS:
        raise UsageError(
            f"no such layout: {name}", hint=f"there are {', '.join(PRESETS)}, or name a YAML file"
        )
    label = label or "mbr"  # as guestfish
    if name == "disk":
        return Layout("none", (Part(),))
    if label == "none":
        raise UsageError(f"the layout {name} has partitions: --partition gpt or mbr")
    root = Part(filesystem=new, mount="/")
    boot_new = NewFilesystem(BOOT_KIND, moment=new.moment)
    boot = Part(filesystem=boot_new, mount="/boot", size=Wish(BOOT_SIZE, BOOT_SIZE))
    empty, volume = Part(), replace(root, name=VOLUME)
    parts: dict[str, tuple[Part, ...]] = {
        "part": (empty,),
        "fs": (root,),
        "lv": (Part(group=GROUP, volumes=(Part(name=VOLUME),)),),
        "lvfs": (Part(group=GROUP, volumes=(volume,)),),
        "bootroot": (boot, root),
        "bootrootlv": (boot, Part(group=GROUP, volumes=(volume,))),
    }
    return Layout(label, parts[name])


# -- sizes -------------------------------------------------------------------------------------------------


def share_out(room: int, wishes: Sequence[Wish], unit: int = MIB) -> list[int]:
    """Return the bytes that each gets of ``room``: at least the least, at most the most, by weight beyond.

    :param unit: all sizes are multiples of it.
    :raises TooSmall: the least are more than there is.
    """
    sizes = [rounded_up(wish.least, unit) for wish in wishes]
    if sum(sizes) > room:
        raise TooSmall(
            f"there is room for {format_size(room)}, and at least {format_size(sum(sizes))} are needed"
        )
    growing = [
        number for number, wish in enumerate(wishes) if wish.weight and _can_grow(wish, sizes[number], unit)
    ]
    while growing and (left := room - sum(sizes)) >= unit:
        total = sum(wishes[number].weight for number in growing)
        before = list(sizes)
        for number in growing:
            wish = wishes[number]
            share = left * wish.weight // total // unit * unit
            most = wish.most // unit * unit if wish.most else room
            sizes[number] = max(sizes[number], min(sizes[number] + share, most))
        if sizes == before:  # less than a unit for each
            sizes[growing[0]] += left // unit * unit if not wishes[growing[0]].most else 0
            break
        growing = [number for number in growing if _can_grow(wishes[number], sizes[number], unit)]
    return sizes


def _can_grow(wish: Wish, size: int, unit: int) -> bool:
    return not wish.most or size + unit <= wish.most


def overhead(label: str) -> int:
    """Return the bytes of a disk that are no partition's."""
    return {"none": 0, "mbr": ALIGNED, "gpt": ALIGNED + rounded_up(GPT_END, MIB)}[label]
