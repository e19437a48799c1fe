"""Groups and logical volumes of LVM: create, extend, reduce and remove them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from imgtools.errors import RolledBack, UsageError, WouldLoseData
from imgtools.image.below import Below, least_size_of, open_below
from imgtools.image.held import (
    Held,
    find_device,
    held_by,
    losses,
    require_named,
    size_of,
)
from imgtools.records.disks import Declined, Layout
from imgtools.records.lvm import LogicalVolume, PhysicalVolume, VolumeGroup
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.resize.lvm_plan import (
    EXTENT,
    Doing,
    Named,
    extended_volume,
    find_group,
    find_volume,
    new_members,
    new_volume,
    parse_name,
    reduced_group,
    reduced_size,
    reduced_volume,
    removed_group,
    removed_volume,
    usable,
)
from imgtools.units import parse_size

EXT = frozenset({"ext2", "ext3", "ext4"})
LVM_TYPES = ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "0x8e")


@dataclass(frozen=True, slots=True)
class LvmReport:
    """What was done, or would be. Groups and volumes are those there are now: after a plan, as before."""

    image: str
    engine: Engine  # the appliance: LVM itself carries it out there
    vg: str
    lv: str  # empty: the group is meant
    pvs: tuple[PhysicalVolume, ...]
    vgs: tuple[VolumeGroup, ...]
    lvs: tuple[LogicalVolume, ...]
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    output: str = ""  # the new image, if one was made
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done, and what has to be there afterwards: names of groups, and sizes of volumes by their devices."""

    doing: Doing
    groups: frozenset[str]
    sizes: dict[str, int]
    warnings: tuple[Warned, ...] = ()


# From an open image to what shall be done with it.
PlanMaker = Callable[[Below], _Plan]


def create(
    request: ImageRequest,
    name: str,
    target: Target,
    *,
    pvs: Sequence[str] = (),
    size: str | None = None,
    extent_size: str | None = None,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> LvmReport:
    """Make a volume group of devices, a logical volume in one, or both at once.

    :param name: VG, or VG/LV.
    :param pvs: the devices that a new group is made of.
    :param size: of the logical volume; None: all that is free.
    :param holds: what the devices hold that may be destroyed.
    :raises NoRoomInside: the group has no room for the volume, or a device is too small.
    :raises WouldLoseData: a device holds something that was not named.
    :raises UsageError: the names are taken, or the words do not fit.
    """
    named = parse_name(name)
    extent = _extent(extent_size)

    def plan(below: Below) -> _Plan:
        layout = below.layout
        there = any(one.name == named.vg for one in layout.vgs)
        doing, warnings = Doing((), ()), tuple[Warned, ...]()
        if pvs:
            if there:
                raise UsageError(
                    f"there is a volume group {named.vg} already",
                    hint="imgtools lvm extend adds devices to it",
                )
            devices, steps, warnings = _blank_devices(below, pvs, holds)
            doing = _both(Doing(steps, ()), new_members(named.vg, devices, extent, create=True))
            room = sum(usable(one, extent) for _, one in devices)
            group = VolumeGroup(named.vg, "", room, room, extent)
        elif named.lv:
            group = find_group(layout, named.vg)
        else:
            raise UsageError("a volume group is made of devices", hint="--pv /dev/sda2")
        sizes = _sizes(layout)
        if named.lv:
            if named.device in sizes or any(one.device == named.device for one in layout.lvs):
                raise UsageError(
                    f"there is a logical volume {named.device} already", hint="imgtools lvm extend"
                )
            made = new_volume(group, named.lv, size or "rest")
            sizes[named.device] = made.steps[0].size or 0
            doing = _both(doing, made)
        elif size is not None:
            raise UsageError("--size is of a logical volume", hint="VG/LV names one")
        return _Plan(doing, _groups(layout) | {named.vg}, sizes, warnings)

    return _carry_out(request, named, target, plan, progress)


def extend(
    request: ImageRequest,
    name: str,
    target: Target,
    *,
    pvs: Sequence[str] = (),
    size: str | None = None,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> LvmReport:
    """Add devices to a group, or let a logical volume grow with what it holds; or both, in this order.

    :param size: ``+1G``, ``20G`` or ``rest``.
    :raises NoRoomInside: the group has no room for it.
    :raises WouldLoseData: a device holds something that was not named.
    """
    named = parse_name(name)

    def plan(below: Below) -> _Plan:
        layout = below.layout
        group = find_group(layout, named.vg)
        doing, warnings = Doing((), ()), tuple[Warned, ...]()
        if pvs:
            devices, steps, warnings = _blank_devices(below, pvs, holds)
            doing = _both(Doing(steps, ()), new_members(named.vg, devices, group.extent_size, create=False))
            more = sum(usable(one, group.extent_size) for _, one in devices)
            group = replace(group, size=group.size + more, free=group.free + more)
        elif not named.lv:
            raise UsageError("a volume group grows by devices", hint="--pv /dev/sdb1")
        sizes = _sizes(layout)
        if named.lv:
            grown = extended_volume(layout, group, find_volume(layout, named), size or "rest")
            sizes[named.device] = grown.steps[0].size or 0
            doing = _both(doing, grown)
        elif size is not None:
            raise UsageError("--size is of a logical volume", hint="VG/LV names one")
        return _Plan(doing, _groups(layout), sizes, warnings)

    return _carry_out(request, named, target, plan, progress)


def reduce(
    request: ImageRequest,
    name: str,
    target: Target,
    *,
    pvs: Sequence[str] = (),
    size: str | None = None,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> LvmReport:
    """Take devices out of a group, or make a logical volume smaller; an ext filesystem shrinks first.

    :param size: ``-1G`` or ``5G``.
    :param holds: what the volume holds that may be cut off, where nothing shrinks it.
    :raises WouldLoseData: a filesystem would be cut, or logical volumes lie on the device.
    """
    named = parse_name(name)
    if bool(named.lv) == bool(pvs) or bool(named.lv) != (size is not None):
        raise UsageError(
            "a group loses devices, a volume some of its size", hint="VG --pv DEVICE, or VG/LV --size -1G"
        )

    def plan(below: Below) -> _Plan:
        layout = below.layout
        group = find_group(layout, named.vg)
        if not named.lv:
            devices = [find_device(layout, one) for one in pvs]
            if len(set(devices)) != 1:
                raise UsageError("one device at a time leaves its group")
            return _Plan(reduced_group(layout, group, devices[0]), _groups(layout), _sizes(layout))
        lv = find_volume(layout, named)
        new_size = reduced_size(group, lv, size or "")
        held = held_by(layout, lv.device, below.image)
        shrinks = bool(held) and held[0].words[0] in EXT | {"swap"}
        if not shrinks or holds:
            _require_cut(held, lv, new_size, holds)
        is_ext = shrinks and held[0].words[0] in EXT
        warnings = _require_fit(below, lv, held[0].words[0], new_size) if is_ext else ()
        doing = reduced_volume(layout, group, lv, new_size, named=bool(holds))
        lost = () if shrinks else losses(held)
        sizes = {**_sizes(layout), lv.device: new_size}
        return _Plan(_both(Doing(lost, ()), doing), _groups(layout), sizes, warnings)

    return _carry_out(request, named, target, plan, progress)


def remove(
    request: ImageRequest,
    name: str,
    target: Target,
    *,
    holds: Sequence[str] = (),
    progress: Progress | None = None,
) -> LvmReport:
    """Remove a logical volume, or a group with all that is in it; what they hold has to be named.

    :raises WouldLoseData: something was not named.
    """
    named = parse_name(name)

    def plan(below: Below) -> _Plan:
        layout = below.layout
        group = find_group(layout, named.vg)
        if named.lv:
            doomed = [find_volume(layout, named)]
            doing, groups = removed_volume(layout, doomed[0]), _groups(layout)
        else:
            doomed = [one for one in layout.lvs if one.vg == named.vg]
            doing, groups = removed_group(layout, group), _groups(layout) - {named.vg}
        held = [
            one for lv in doomed if lv.kind != "thin-pool" for one in held_by(layout, lv.device, below.image)
        ]
        require_named(held, holds, action="removing it")
        gone = {one.device for one in doomed}
        sizes = {device: size for device, size in _sizes(layout).items() if device not in gone}
        return _Plan(_both(Doing(losses(held), ()), doing), groups, sizes)

    return _carry_out(request, named, target, plan, progress)


# -- carrying out -------------------------------------------------------------------------------------------


def _carry_out(
    request: ImageRequest, named: Named, target: Target, make: PlanMaker, progress: Progress | None
) -> LvmReport:
    with open_below(request, target) as below:
        plan = make(below)
        layout = below.layout
        warnings = (*below.image.warnings, *plan.warnings)
        output = ""
        if not target.is_dry_run:
            below.boot(plan.doing.deeds)
            with below.afterwards() as image:
                layout = image.layout()
                _look(layout, plan)
            output = below.commit(progress)
        return LvmReport(
            image=request.name,
            engine=Engine.APPLIANCE,
            vg=named.vg,
            lv=named.lv,
            pvs=layout.pvs,
            vgs=layout.vgs,
            lvs=layout.lvs,
            written=not target.is_dry_run,
            changed=True,
            changes=plan.doing.steps,
            output=output,
            warnings=warnings,
        )


def _look(layout: Layout, plan: _Plan) -> None:
    """Hold what our own reader finds against the plan.

    :raises RolledBack: something else is there, or has gone too.
    """
    if _groups(layout) != plan.groups:
        raise RolledBack(
            f"there are the groups {sorted(_groups(layout))} afterwards, and not {sorted(plan.groups)}",
            hint="nothing was written",
        )
    found = _sizes(layout)
    for device in sorted(found.keys() | plan.sizes.keys()):
        if found.get(device) != plan.sizes.get(device):
            raise RolledBack(
                f"{device} has {found.get(device, 'no')} bytes afterwards, and not {plan.sizes.get(device, 'none')}",
                hint="nothing was written",
            )


def _groups(layout: Layout) -> frozenset[str]:
    return frozenset(one.name for one in layout.vgs)


def _sizes(layout: Layout) -> dict[str, int]:
    return {one.device: one.size for one in layout.lvs}


def _both(first: Doing, second: Doing) -> Doing:
    return Doing(first.steps + second.steps, first.deeds + second.deeds)


def _extent(text: str | None) -> int:
    size = EXTENT if text is None else parse_size(text)
    if size < 4096 or size & (size - 1) or size > 16 << 30:
        raise UsageError(f"not a size of extents: {text}", hint="a power of two from 4K on: 4M")
    return size


def _blank_devices(
    below: Below, names: Sequence[str], holds: Sequence[str]
) -> tuple[list[tuple[str, int]], tuple[DiskStep, ...], tuple[Warned, ...]]:
    """The devices that become physical volumes, with their sizes; what they hold is named, or nothing.

    :raises UsageError: one of them is a part of a group already.
    """
    layout = below.layout
    devices = list(dict.fromkeys(find_device(layout, one) for one in names))
    owners = {one.device: one.vg for one in layout.pvs if one.vg}
    for device in devices:
        if device in owners:
            raise UsageError(
                f"{device} is a physical volume of {owners[device]}",
                hint=f"imgtools lvm reduce IMAGE {owners[device]} --pv {device} takes it out",
            )
    held = [one for device in devices for one in held_by(layout, device, below.image)]
    require_named(held, holds, action="a physical volume")
    types = {one.device: one.type for disk in layout.disks for one in disk.partitions}
    warnings = tuple(
        Warned("its type is not lvm; imgtools partition set --type lvm says what it is", device)
        for device in devices
        if device in types and types[device] not in LVM_TYPES
    )
    return [(device, size_of(layout, device)) for device in devices], losses(held), warnings


def _require_cut(held: Sequence[Held], lv: LogicalVolume, size: int, holds: Sequence[str]) -> None:
    for one in held:
        if not holds:
            raise WouldLoseData(
                f"{lv.device} holds {one.text} in {lv.size} bytes, and nothing here shrinks that to {size}",
                hint=f"shrink it in the guest first, or --holds {one.words[0]} cuts it off",
            )
    require_named(held, holds, action="reducing it")


def _require_fit(below: Below, lv: LogicalVolume, content: str, size: int) -> tuple[Warned, ...]:
    """Make sure that a filesystem can shrink so far, where it can be asked without a boot.

    :raises WouldLoseData: it needs more.
    """
    least = least_size_of(below, lv.device, content)
    if isinstance(least, Declined):
        return (Warned(f"how small it may become is found out when it is done: {least.reason}", lv.device),)
    if least > size:
        raise WouldLoseData(
            f"the {content} on {lv.device} needs {least} bytes, and would get {size}",
            hint="a larger --size, or remove files in the guest",
        )
    return ()
