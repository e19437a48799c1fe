"""What creating, extending, reducing and removing means for groups and logical volumes: from facts to steps.

Facts are what our own reader finds in LVM's metadata, so a plan takes no boot; steps are carried out by LVM itself, in
the appliance. Sizes are bytes, and become whole extents: rounded up, as lvcreate and lvextend do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.engine.appliance.grow import SCRIPTS
from imgtools.errors import NoRoomInside, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.deeds import Deed
from imgtools.records.disks import Layout, Volume
from imgtools.records.lvm import LogicalVolume, VolumeGroup
from imgtools.records.steps import DiskStep
from imgtools.resize.resize_plan import EXT, WHY_NOT
from imgtools.units import format_both, format_size, parse_size

REST = "rest"
EXTENT = 4 << 20  # bytes: LVM's own default (lvm.conf, physical_extent_size)
# A physical volume begins with its metadata: LVM aligns its first extent to a MiB (lvm.conf, default_data_alignment).
PV_START = 1 << 20
MOST_NAME = 127  # characters (lib/misc/lvm-string.c, NAME_LEN 128)
RESERVED = frozenset(
    {".", "..", "snapshot", "pvmove"}
)  # and parts of names (lib/misc/lvm-string.c, apply_lvname_restrictions)
RESERVED_PARTS = (
    "_mlog",
    "_mimage",
    "_rimage",
    "_rmeta",
    "_tdata",
    "_tmeta",
    "_cdata",
    "_cmeta",
    "_vorigin",
    "_pmspare",
)
KINDS_THAT_CHANGE = ("linear", "striped")


@dataclass(frozen=True, slots=True)
class Doing:
    """A plan: what is done, in words and as scripts."""

    steps: tuple[DiskStep, ...]
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A group, or one of its volumes."""

    vg: str
    lv: str = ""

    @property
    def device(self) -> str:
        """The volume's, where one is named."""
        return f"/dev/{self.vg}/{self.lv}" if self.lv else f"/dev/{self.vg}"


def parse_name(text: str) -> Named:
    """Return what ``VG``, ``VG/LV`` or ``/dev/VG/LV`` names.

    :raises UsageError: LVM takes no such name.
    """
    parts = text.removeprefix("/dev/").split("/")
    if not 1 <= len(parts) <= 2:
        raise UsageError(f"not a group or logical volume: {text!r}", hint="VG, or VG/LV")
    for part in parts:
        if (
            not re.fullmatch(r"[A-Za-z0-9_+.][A-Za-z0-9_+.\-]*", part)
            or len(part) > MOST_NAME
            or part in RESERVED
        ):
            raise UsageError(
                f"not a name that LVM takes: {part!r}", hint="letters, digits, and _ + . - (not first)"
            )
    if len(parts) == 2 and any(word in parts[1] for word in RESERVED_PARTS):
        raise UsageError(f"LVM keeps such names for its own parts: {parts[1]!r}")
    return Named(*parts)


def find_group(layout: Layout, name: str) -> VolumeGroup:
    """Return a volume group.

    :raises UsageError: there is none of that name, or two.
    """
    found = [one for one in layout.vgs if one.name == name]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.name for one in layout.vgs) or "none"
    what = "two groups called" if found else "no volume group"
    raise UsageError(f"the image has {what} {name}", hint=f"it has: {known}")


def find_volume(layout: Layout, named: Named) -> LogicalVolume:
    """Return a logical volume.

    :raises UsageError: there is none of that name.
    """
    find_group(layout, named.vg)
    known = [one for one in layout.lvs if one.vg == named.vg]
    for one in known:
        if one.name == named.lv:
            return one
    names = ", ".join(one.name for one in known) or "none"
    raise UsageError(f"the group {named.vg} has no logical volume {named.lv}", hint=f"it has: {names}")


def members(layout: Layout, vg: str) -> tuple[str, ...]:
    """The devices of a group's physical volumes."""
    return tuple(one.device for one in layout.pvs if one.vg == vg)


# -- groups -------------------------------------------------------------------------------------------------


def usable(size: int, extent: int) -> int:
    """Return the bytes that a new physical volume of a size brings to its group: whole extents."""
    return max(0, size - PV_START) // extent * extent


def new_members(vg: str, devices: Sequence[tuple[str, int]], extent: int, *, create: bool) -> Doing:
    """Make physical volumes of devices, and a group of them, or add them to one that is there.

    :param devices: each with its bytes.
    :raises NoRoomInside: one of them is too small.
    """
    steps, deeds = [], []
    name = shlex.quote(vg)
    for number, (device, size) in enumerate(devices):
        room = usable(size, extent)
        if not room:
            raise NoRoomInside(
                f"{device} has {size} bytes: a physical volume needs {PV_START + extent} at least",
                hint="a larger partition, or a smaller --extent-size",
            )
        what = f"make a physical volume of {device}, with room for {format_both(room)}"
        steps.append(DiskStep("make-physical-volume", what, device, vg, size=room))
        deeds.append(Deed(what, "wipefs -a -f $D; lvm pvcreate -ff -y $D", device))
        if create and not number:
            what = f"make the volume group {vg}, in extents of {format_size(extent)}"
            steps.append(DiskStep("make-volume-group", what, device, vg, size=extent))
            deeds.append(Deed(what, f"lvm vgcreate -s {extent}b {name} $D", device))
        else:
            what = f"add {device} to the volume group {vg}"
            steps.append(DiskStep("extend-volume-group", what, device, vg))
            deeds.append(Deed(what, f"lvm vgextend {name} $D", device))
    return Doing(tuple(steps), tuple(deeds))


def reduced_group(layout: Layout, vg: VolumeGroup, device: str) -> Doing:
    """Take a physical volume out of its group.

    :raises UsageError: it is none of the group, or its last.
    :raises WouldLoseData: logical volumes lie on it.
    """
    known = members(layout, vg.name)
    if device not in known:
        raise UsageError(
            f"{device} is no physical volume of {vg.name}", hint=f"it has: {', '.join(known) or 'none'}"
        )
    if len(known) == 1:
        raise UsageError(
            f"{device} is the last physical volume of {vg.name}", hint=f"imgtools lvm remove IMAGE {vg.name}"
        )
    on_it = [one.device for one in layout.volumes if device in one.parents]
    if on_it:
        raise WouldLoseData(
            f"{', '.join(on_it)} lie on {device}",
            hint="move them in the guest first (pvmove), or remove them",
        )
    name = shlex.quote(vg.name)
    first = f"take {device} out of the volume group {vg.name}"
    second = f"make {device} no physical volume any more"
    return Doing(
        (
            DiskStep("reduce-volume-group", first, device, vg.name),
            DiskStep("remove-physical-volume", second, device),
        ),
        (Deed(first, f"lvm vgreduce {name} $D", device), Deed(second, "lvm pvremove $D", device)),
    )


def removed_group(layout: Layout, vg: VolumeGroup) -> Doing:
    """Remove a group with all that is in it; its physical volumes are blank afterwards."""
    volumes = [lv.name for lv in layout.lvs if lv.vg == vg.name]
    what = f"remove the volume group {vg.name}" + (f" with {', '.join(volumes)}" if volumes else "")
    steps = [DiskStep("remove-volume-group", what, "", vg.name)]
    deeds = [Deed(what, f"lvm vgremove -f -y {shlex.quote(vg.name)}", "/dev/sda")]
    for device in members(layout, vg.name):
        what = f"make {device} no physical volume any more"
        steps.append(DiskStep("remove-physical-volume", what, device))
        deeds.append(Deed(what, "lvm pvremove -y $D", device))
    return Doing(tuple(steps), tuple(deeds))


# -- volumes ------------------------------------------------------------------------------------------------


def new_volume(vg: VolumeGroup, name: str, text: str) -> Doing:
    """Make a logical volume.

    :param text: its size, or ``rest``.
    :raises NoRoomInside: the group has no room for it.
    """
    size = _extents(vg, text, vg.free)
    what = f"make the logical volume {name} of {format_both(size)} in {vg.name}"
    words = ["lvm", "lvcreate", "-y", "-Wy", "-Zy", "-l", str(size // vg.extent_size), "-n", name, vg.name]
    device = f"/dev/{vg.name}/{name}"
    step = DiskStep("make-logical-volume", what, device, name, size=size)
    return Doing((step,), (Deed(what, shlex.join(words), "/dev/sda"),))


def extended_volume(layout: Layout, vg: VolumeGroup, lv: LogicalVolume, text: str) -> Doing:
    """Let a logical volume grow, and what it holds with it.

    :param text: ``+1G``, ``20G`` or ``rest``.
    :raises NoRoomInside: the group has no room for it.
    :raises UsageError: it would not grow.
    """
    _require_plain(lv)
    size = lv.size + vg.free if text == REST else _size_of(text, lv.size, vg)
    if size <= lv.size:
        raise UsageError(f"{lv.device} has {lv.size} bytes: {text} is no growth", hint="imgtools lvm reduce")
    _extents(vg, str(size - lv.size), vg.free)
    what = f"extend {lv.device} from {format_both(lv.size)} to {format_both(size)}"
    steps = [DiskStep("extend-logical-volume", what, lv.device, lv.name, size=size, old_size=lv.size)]
    deeds = [Deed(what, f"lvm lvextend -y -l {size // vg.extent_size} $D", lv.device)]
    volume = _volume(layout, lv)
    content = volume.content if volume is not None else ""
    script = _mkswap(volume) if volume is not None and content == "swap" else SCRIPTS.get(content)
    if script is not None:
        what = f"grow the {content} on {lv.device} into it"
        steps.append(DiskStep("grow-content", what, lv.device, content, size=size))
        deeds.append(Deed(what, script, lv.device))
    return Doing(tuple(steps), tuple(deeds))


def reduced_size(vg: VolumeGroup, lv: LogicalVolume, text: str) -> int:
    """Return the bytes that a volume would have.

    :raises UsageError: it would not become smaller, or nothing would be left.
    """
    _require_plain(lv)
    size = _size_of(text, lv.size, vg)
    if not 0 < size < lv.size:
        raise UsageError(f"{lv.device} has {lv.size} bytes: it is not reduced to {size}")
    return size


def reduced_volume(layout: Layout, vg: VolumeGroup, lv: LogicalVolume, size: int, *, named: bool) -> Doing:
    """Make a logical volume smaller, what it holds first.

    :param size: see :func:`reduced_size`.
    :param named: what it holds has been named as what may be lost.
    :raises WouldLoseData: a filesystem would be cut, which nothing here shrinks.
    """
    volume = _volume(layout, lv)
    content = volume.content if volume is not None else ""
    steps, deeds, after = [], [], ""
    if content in EXT:
        what = f"shrink the {content} on {lv.device} to {format_both(size)}"
        steps.append(DiskStep("shrink-content", what, lv.device, content, size=size))
        script = f"{{ e2fsck -f -p $D || [ $? = 1 ]; }}; resize2fs $D {size // 512}s"
        deeds.append(Deed(what, script, lv.device))
        after = "; e2fsck -f -n $D"
    elif content == "swap" and volume is not None:
        after = f"; {_mkswap(volume)}"
    elif content and not named:
        raise WouldLoseData(
            f"{lv.device} holds {content} of up to {lv.size} bytes, which would be cut to {size}",
            hint=WHY_NOT.get(content, f"nothing here shrinks {content}"),
        )
    what = f"reduce {lv.device} from {format_both(lv.size)} to {format_both(size)}"
    steps.append(DiskStep("shrink-logical-volume", what, lv.device, lv.name, size=size, old_size=lv.size))
    script = f"lvm lvreduce -f -y -l {size // vg.extent_size} $D{after}"
    deeds.append(Deed(what, script, lv.device))
    if content == "swap":
        what = f"make the swap area on {lv.device} anew, with its UUID and label"
        steps.append(DiskStep("make-swap", what, lv.device))
    return Doing(tuple(steps), tuple(deeds))


def removed_volume(layout: Layout, lv: LogicalVolume) -> Doing:
    """Remove a logical volume.

    :raises UsageError: it is a pool that volumes lie in.
    """
    thin = [one.name for one in layout.lvs if one.vg == lv.vg and one.kind == "thin"]
    if lv.kind == "thin-pool" and thin:
        raise UsageError(f"{lv.device} may hold {', '.join(thin)}", hint="remove those first")
    what = f"remove the logical volume {lv.device} of {format_both(lv.size)}"
    step = DiskStep("remove-logical-volume", what, lv.device, lv.name, old_size=lv.size)
    return Doing(
        (step,), (Deed(what, f"lvm lvremove -f -y {shlex.quote(f'{lv.vg}/{lv.name}')}", "/dev/sda"),)
    )


def _require_plain(lv: LogicalVolume) -> None:
    if lv.kind not in KINDS_THAT_CHANGE:
        raise UnsupportedFormat(
            f"{lv.device} is a volume of the kind {lv.kind}: no other than {', '.join(KINDS_THAT_CHANGE)} is resized",
            hint="in the guest, or: imgtools rescue IMAGE --no-mount --write",
        )


def _size_of(text: str, old: int, vg: VolumeGroup) -> int:
    sign = text.strip()[:1]
    size = parse_size(text.strip().lstrip("+-"))
    size = old + size if sign == "+" else old - size if sign == "-" else size
    return -(-size // vg.extent_size) * vg.extent_size


def _extents(vg: VolumeGroup, text: str, free: int) -> int:
    """Return a size in whole extents, if the group has the room."""
    size = free if text == REST else -(-parse_size(text) // vg.extent_size) * vg.extent_size
    if not 0 < size <= free:
        raise NoRoomInside(
            f"the volume group {vg.name} has {free} bytes free, and {size or 'some'} are wanted, in extents of "
            f"{vg.extent_size}",
            hint="imgtools lvm extend IMAGE VG --pv DEVICE adds room",
        )
    return size


def _volume(layout: Layout, lv: LogicalVolume) -> Volume | None:
    return next((one for one in layout.volumes if one.device == lv.device), None)


def _mkswap(volume: Volume) -> str:
    words = [*(["-U", volume.uuid] if volume.uuid else []), *(["-L", volume.label] if volume.label else [])]
    return f"{shlex.join(['mkswap', *words])} $D"
