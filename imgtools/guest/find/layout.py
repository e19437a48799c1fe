"""Where a Linux guest mounts the volumes of its disks: fstab, mount units, the GPT's own types, OSTree.

The root is always the volume that was looked at, whatever fstab calls it: a disk that moved, or a template whose
fstab is only filled in later, still has its root at ``/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import Devices, is_passing, read_names
from imgtools.guest.find.disk_of import disk_of
from imgtools.guest.find.fstab import FSTAB, Fstab, FstabEntry, read_fstab, read_mount_units
from imgtools.guest.find.split_usr import ROOT_TYPES, USR_TYPES, usr_volumes
from imgtools.records.disks import Holder, Layout, Mount, Partition, Volume
from imgtools.records.system import Warned

# Discoverable Partitions Specification of the UAPI group: type GUID -> where systemd mounts it.
DISCOVERABLE = {
    "933AC7E1-2EB4-4F13-B844-0E14E2AEF915": "/home",
    "3B8F8425-20E0-4F3B-907F-1A25A76F98E8": "/srv",
    "4D21B016-B534-45C2-A9FB-5C16E091FD2D": "/var",
    "7EC6F557-3BC5-4ACA-B293-16EF5DF639D1": "/var/tmp",
    "BC13C2FF-59E6-4262-A352-B275FD6F7172": "/boot",  # XBOOTLDR
    **dict.fromkeys(USR_TYPES, "/usr"),
}
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
# A system cannot mount these from its own fstab: it needs them to get there. A damaged or hostile guest says so.
VITAL = frozenset({"/etc", "/bin", "/sbin", "/lib", "/lib64", "/dev", "/proc", "/sys", "/run"})
NO_AUTO = "guid:63"  # the partition flag that keeps systemd-gpt-auto-generator away


class LinuxMounts(NamedTuple):
    """The mounts of a Linux guest, its root first, and what the guest names that is not in the image."""

    mounts: tuple[Mount, ...]
    unresolved: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    names_itself: bool = False  # whether fstab says that this volume is the root
    unmounted: tuple[str, ...] = ()  # where the guest mounts what is not there, or cannot be opened


def find_mounts(
    files: GuestReader, root: Volume, layout: Layout, base: tuple[Mount, ...] = ()
) -> LinuxMounts:
    """Return what the guest whose root is ``root`` mounts.

    :param files: the files of the root alone.
    :param base: the root's mounts, where it is not simply the root volume; fstab may replace all but the first.
    """
    fstab = read_fstab(files)
    entries = [*fstab.entries, *read_mount_units(files)]
    devices = Devices(layout, root, read_names(files))
    for entry in entries:
        if entry.path == "/":
            devices.learn(entry.spec)
    lost = _lost_root(fstab, devices)
    found = _Found([base[0] if base else Mount("/", root)], [], [*lost, *fstab.warnings], [])
    for entry in entries:
        _add(found, entry, devices, layout)
    own = {mount.path for mount in found.mounts}
    found.mounts.extend(mount for mount in base if mount.path not in own)
    taken = {mount.path for mount in found.mounts} | {entry.path for entry in entries}
    found.mounts.extend(_discovered(files, found.mounts, taken, layout))
    return LinuxMounts(
        tuple(found.mounts),
        tuple(found.unresolved),
        tuple(found.warnings),
        _names_itself(fstab, devices, root),
        tuple(found.unmounted),
    )


class _Found(NamedTuple):
    mounts: list[Mount]
    unresolved: list[str]
    warnings: list[Warned]
    unmounted: list[str]


def _lost_root(fstab: Fstab, devices: Devices) -> Iterator[Warned]:
    """Warn of a root that fstab names and that is not there: the guest will not boot by it."""
    for entry in fstab.entries:
        if entry.path == "/" and entry.on_a_device and not entry.may_be_missing:
            if devices.find(entry.spec) is None:
                yield Warned(f"line {entry.line}: {entry.spec} for / is not in this image", FSTAB)
            return


def _names_itself(fstab: Fstab, devices: Devices, root: Volume) -> bool:
    """Whether fstab calls this volume its root; of a subvolume, whether it names this very one."""
    for entry in fstab.entries:
        if entry.path == "/":
            if root.holder is Holder.SUBVOLUME:
                name = (entry.option("subvol") or "").strip("/")
                return bool(name) and root.device.endswith(f"/{name}")
            found = devices.find(entry.spec)
            return found is None or found == root or found.uuid == root.uuid
    return False


def _add(found: _Found, entry: FstabEntry, devices: Devices, layout: Layout) -> None:
    """Add the mount that one line asks for, if it is one of the image's volumes."""
    if entry.path == "/" or not entry.on_a_device or is_passing(entry.spec):
        return
    if entry.path in {mount.path for mount in found.mounts}:
        return  # as systemd does: the first line for a mount point counts
    if entry.path in VITAL:
        found.warnings.append(Warned(f"line {entry.line}: a mount on {entry.path} is ignored", FSTAB))
        return
    volume = devices.find(entry.spec)
    if volume is not None and volume.mountable:
        found.mounts.append(_mount(entry, volume, layout))
        return
    reason = f"is {volume.content or 'not a filesystem'}" if volume else "is not in this image"
    if volume is None:
        found.unresolved.append(entry.spec)
    if not entry.may_be_missing:
        found.unmounted.append(entry.path)
        place = f"line {entry.line}: " if entry.line else ""
        found.warnings.append(Warned(f"{place}{entry.spec} for {entry.path} {reason}", FSTAB))


def _mount(entry: FstabEntry, volume: Volume, layout: Layout) -> Mount:
    """Mount the subvolume that the options name as a volume of its own, if the layout lists it."""
    if volume.content != "btrfs":
        return Mount(entry.path, volume)
    same = [other for other in layout.volumes if other.content == "btrfs" and other.uuid == volume.uuid]
    plain = next((other for other in same if other.holder is not Holder.SUBVOLUME), volume)
    options = _subvolume(entry.options)
    name = (entry.option("subvol") or "").strip("/")
    for other in same:
        if name and other.device == f"btrfsvol:{plain.device}/{name}":
            return Mount(entry.path, other)
    return Mount(entry.path, plain, options)


def _subvolume(options: str) -> str:
    """Return the one mount option that says which part of a btrfs is meant."""
    wanted = [option for option in options.split(",") if option.startswith(("subvol=", "subvolid="))]
    wanted.sort(key=lambda option: option.startswith("subvolid="))
    return wanted[0] if wanted else ""


# -- partitions that say themselves where they belong --------------------------------------------------------


def _discovered(files: GuestReader, mounts: list[Mount], taken: set[str], layout: Layout) -> Iterator[Mount]:
    """Yield what systemd-gpt-auto-generator(8) would mount: only beside the root, only where nothing is yet."""
    disk = disk_of(mounts[0].volume, layout)
    if disk is None or disk.table != "gpt" or not files.exists("/usr/lib/systemd"):
        return
    used = {mount.volume.device for mount in mounts}
    for partition in disk.partitions:
        volume = _mountable(partition, layout)
        if volume is None or volume.device in used or NO_AUTO in partition.flags:
            continue
        for path in _places(partition):
            if path not in taken and _is_free(files, path):
                taken.add(path)
                yield Mount(path, volume)
                break


def _places(partition: Partition) -> tuple[str, ...]:
    if partition.type.upper() == ESP:
        return ("/efi", "/boot")
    place = DISCOVERABLE.get(partition.type.upper())
    return (place,) if place else ()


def _is_free(files: GuestReader, path: str) -> bool:
    """Whether a mount point is an empty directory of the root."""
    return files.is_dir(path) and not files.list_dir(path)


def _mountable(partition: Partition, layout: Layout) -> Volume | None:
    for volume in layout.volumes:
        if volume.device == partition.device and volume.mountable:
            return volume
    return None


def paired_root(volume: Volume, layout: Layout) -> Volume | None:
    """Return the root that belongs to a /usr partition, told by the partition types; None if it is not the /usr.

    Flatcar, and images of mkosi, ship with all of the system in /usr and a root that is filled at first boot.
    """
    disk = disk_of(volume, layout)
    partitions = disk.partitions if disk else ()
    if not any(
        DISCOVERABLE.get(one.type.upper()) == "/usr" for one in partitions if one.device == volume.device
    ):
        return None
    root = _root_beside(volume, layout, partitions)
    return root if root is not None and usr_volumes(root, layout)[:1] == [volume] else None


def _root_beside(volume: Volume, layout: Layout, partitions: tuple[Partition, ...]) -> Volume | None:
    for other in layout.volumes:
        if other.mountable and other != volume and other.label.upper() == "ROOT":
            return other
    for one in partitions:
        other_root = _mountable(one, layout)
        if other_root is not None and one.type.upper() in ROOT_TYPES:
            return other_root
    return None
