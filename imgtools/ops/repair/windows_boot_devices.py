"""Let the boot configuration name the partitions of this disk again, where it names those of another.

After a clone, a copy to another disk or a change of table (MBR to GPT) the disk's signature or GUIDs are new, and
Windows stops with 0xC000000E or 0xC0000225. What the entry that starts Windows names becomes the partition that Windows
is on, what the boot manager names the one that it is on itself; entries of the recovery environment follow. Entries
that name another disk than those two, which may be one that was not given, are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.files.paths import normalise
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import no_boot_configuration, the_boot_store
from imgtools.records.disks import Disk, Layout, Partition, Volume

Name = tuple[str, str, int]  # of a partition: its disk, and its GUID or first byte

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootObject, BootStore
    from imgtools.guest.windows.boot_device import BootDevice

    Places = Mapping[Name, BootDevice]

# Types of the partition of the recovery environment ("Hard drives and partitions", learn.microsoft.com).
RECOVERY = ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "0x27")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the devices that are to name another partition; a guest whose partitions are all there needs nothing."""
    from imgtools.guest.windows.bcd import set_bytes
    from imgtools.guest.windows.boot_device import at_place, disk_of, find_partition
    from imgtools.guest.windows.registry import open_registry

    layout = guest.layout or Layout(())
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        store = the_boot_store(registry)
    known = dict(_known(guest, store, layout))
    of_files = {_name(one) for each in store.objects.values() for _, one in each.devices if one.path}
    for one in store.objects.values():
        for element, device in one.devices:
            if not device.names_partition or find_partition(device, layout) is not None:
                continue
            place = known.get(_name(device)) or _elsewhere(
                device, known, of_files, disk_of(guest.root, layout)
            )
            if place is not None:
                data = at_place(one.elements[element].data, device, place)
                yield from set_bytes(store, one, element, data)


def _name(device: BootDevice) -> Name:
    return device.disk_id, device.partition_id, device.start


def _known(guest: Guest, store: BootStore, layout: Layout) -> Iterator[tuple[Name, BootDevice]]:
    """Yield which partitions the lost names of the boot manager and of Windows mean."""
    from imgtools.guest.windows.bcd import DEVICE, OS_DEVICE
    from imgtools.guest.windows.boot_device import find_partition, place_of

    own = list(_of_root(guest, store))
    sound = [one for one in own if (device := one.device(OS_DEVICE)) and find_partition(device, layout)]
    default = [one for one in own if one.id == store.default]
    windows = next(iter([*default, *([] if sound else own)]), None)
    manager = (store.manager, DEVICE, _boot_volume(guest, store))
    for one, element, volume in (manager, (windows, DEVICE, guest.root), (windows, OS_DEVICE, guest.root)):
        device, place = one.device(element) if one else None, place_of(volume, layout)
        is_lost = device is not None and device.kind == "partition" and not find_partition(device, layout)
        if device is not None and is_lost and place is not None:
            yield _name(device), place


def _of_root(guest: Guest, store: BootStore) -> Iterator[BootObject]:
    """Yield the entries whose program and folder are those of the guest's own root, none that starts from a file."""
    from imgtools.guest.windows.bcd import OS_DEVICE, PATH, SYSTEM_ROOT

    for one in store.loaders:
        folder = normalise(one.text(SYSTEM_ROOT).replace("\\", "/") or "/")
        program, device = one.text(PATH).replace("\\", "/"), one.device(OS_DEVICE)
        if device is None or device.kind != "partition" or not program.startswith("/"):
            continue
        if folder.casefold() == guest.os.windows_systemroot.casefold() and guest.files.is_file(program):
            yield one


def _boot_volume(guest: Guest, store: BootStore) -> Volume:
    """The volume that the boot configuration is on."""
    from imgtools.guest.windows.registry import BOOT_VOLUME

    mounts = {mount.path: mount.volume for mount in guest.mounts}
    is_apart = store.path.startswith(f"{BOOT_VOLUME}/") and BOOT_VOLUME in mounts
    return mounts[BOOT_VOLUME] if is_apart else guest.root


def _elsewhere(
    device: BootDevice, known: Places, of_files: Collection[Name], disk: Disk | None
) -> BootDevice | None:
    """Where else on the disk that was renamed a device is: what has kept its name, or the recovery partition.

    :param of_files: the partitions that files are started from, as that of the recovery environment is.
    """
    from imgtools.guest.windows.boot_device import partition_place

    if disk is None or device.disk_id not in {one for one, _identity, _start in known}:
        return None
    places = [(one, place) for one in disk.partitions if (place := partition_place(disk, one))]
    kept = [place for _, place in places if _name(place)[1:] == _name(device)[1:]]
    recovery = [place for one, place in places if _is_recovery(one) and _name(device) in of_files]
    return next((found[0] for found in (kept, recovery) if len(found) == 1), None)


def _is_recovery(one: Partition) -> bool:
    return one.type.upper() == RECOVERY[0] or one.type == RECOVERY[1]


OPERATION = Operation(
    summary="Name this disk's partitions in the boot configuration",
    families=WINDOWS,
    plan=plan,
    lacking=no_boot_configuration,
)
