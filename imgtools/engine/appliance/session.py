"""One image opened in the appliance."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from imgtools.engine.appliance.apart import why_apart
from imgtools.engine.appliance.crypt import TYPES, Locked, open_locked
from imgtools.engine.appliance.detached import Headers
from imgtools.engine.appliance.files import ApplianceFilesystem, encode
from imgtools.engine.appliance.launch import MEMORY_WITH_KEYS, Appliance, Drive, launch_appliance
from imgtools.engine.appliance.layout import build_layout, kernel_device
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import Survey, look
from imgtools.engine.direct.session import disk_device
from imgtools.engine.keys import locked_volume
from imgtools.engine.subvolumes import subvolume_option, subvolume_path
from imgtools.filesystems.api import Filesystem
from imgtools.records.disks import Declined, Disk, Holder, Layout, Volume
from imgtools.records.request import Engine, Key
from imgtools.volumes.partitions import read_disk
from imgtools.volumes.volume_file import DiskFile, DiskServer

log = logging.getLogger(__name__)

ROUNDS = 6  # of LUKS in LVM in LUKS ..., as in the direct engine

# Read-only, and with the words that the direct engine uses too. The kernel replays a journal all the same: it
# writes to libguestfs' throw-away overlay. nouuid: a clone of the same filesystem may be mounted beside it.
MOUNT_OPTIONS = {"xfs": "ro,nouuid", "vfat": "ro,utf8", "iso9660": "ro,utf8"}
FAILED = "mount has failed"
SYSROOT = "/sysroot"  # where libguestfs' calls have their /


class Booted(NamedTuple):
    """A running appliance that has the disks of one image."""

    appliance: Appliance
    first: int  # the SCSI target of the first of them
    let_go: Callable[[], None]  # called when the image is done with
    targets: Mapping[str, int] | None = (
        None  # kernel name of a disk to its SCSI target, where that is known already
    )


# Makes an appliance run with the drives of these servers, in this many megabytes of memory; 0 leaves it to libguestfs.
Boot = Callable[[Sequence[DiskServer], Sequence[Drive], int], Booted]


def boot_alone(
    servers: Sequence[DiskServer], drives: Sequence[Drive], memory: int, *, network: bool = False
) -> Booted:
    """Boot an appliance for one image.

    :raises ApplianceFailed: it does not start.
    """
    appliance = launch_appliance(drives, memory=memory, network=network)
    return Booted(appliance, 0, appliance.close)


class ApplianceSession:
    """One image opened by libguestfs; implements :class:`imgtools.engine.api.Session`.

    :param servers: the image's disks in the guest's order; the appliance reads them through their sockets.
    :param keys: for LUKS1, LUKS2 and BitLocker.
    :param drives: what the appliance gets as its disks instead of the servers: overlays, for an edit.
    :param boot: makes an appliance run; without it, one for this image alone is booted.
    :param sectors: bytes of a sector of each disk, 0 where nobody has said it.
    :raises ApplianceFailed: the appliance does not start.
    """

    engine = Engine.APPLIANCE

    def __init__(
        self,
        servers: Sequence[DiskServer],
        keys: Sequence[Key] = (),
        *,
        drives: Sequence[Drive] = (),
        network: bool = False,
        boot: Boot | None = None,
        sectors: Sequence[int] = (),
    ) -> None:
        self._servers = tuple(servers)
        self._keys = tuple(keys)
        self._layout: Layout | None = None
        self._survey: Survey | None = None
        self._mounted: dict[tuple[str, str], Filesystem | Declined] = {}
        self._points: dict[str, str] = {}  # mount point -> the device that is mounted there
        self._count = 0
        drives = drives or [Drive(socket=server.socket) for server in self._servers]
        self._sectors = tuple(sectors) or (0,) * len(self._servers)
        pairs = zip(drives, self._disks(), strict=True)
        drives = [replace(drive, sector_size=disk.sector_size) for drive, disk in pairs]
        memory = MEMORY_WITH_KEYS if keys else 0
        self._booted = (boot or partial(boot_alone, network=network))(self._servers, drives, memory)
        self._appliance = self._booted.appliance
        given = tuple(dict.fromkeys(one for key in keys for one in key.headers))
        self._headers = Headers(self._appliance, given) if given else None

    @property
    def appliance(self) -> Appliance:
        """The running appliance."""
        return self._appliance

    def layout(self) -> Layout:
        """Return partitions, LVM, arrays, opened encryption, subvolumes.

        :raises KeyNeeded: a key was given for an encrypted volume and does not open it.
        """
        if self._layout is None:
            self._layout = self._read_layout()
        return self._layout

    def _read_layout(self) -> Layout:
        disks = self._disks()
        tried: set[str] = set()
        layout = self._look(disks)
        for _ in range(ROUNDS):
            if not self._open_encrypted(layout, tried):
                break
            layout = self._look(disks)
        return layout

    def _disks(self) -> list[Disk]:
        """The disks and their partition tables, as the direct engine reads them."""
        wholes = [DiskFile.whole(server, disk_device(index)) for index, server in enumerate(self._servers)]
        return [read_disk(one, one.name, size) for one, size in zip(wholes, self._sectors, strict=True)]

    def _look(self, disks: Sequence[Disk]) -> Layout:
        self._survey = look(self._appliance)
        if self._survey.lvm_said:
            log.debug("lvm says: %s", self._survey.lvm_said)
        layout = build_layout(self._survey, disks, self._names, partial(why_apart, disks, self._servers))
        return self._headers.applied(layout, self._names) if self._headers else layout

    @property
    def _names(self) -> DeviceNames:
        if self._survey is None and self._keys:
            self.layout()  # who found the guest without an appliance names what is here only once it is opened
        if self._survey is None and self._booted.targets is None:
            self._survey = look(self._appliance)
        targets = self._booted.targets if self._survey is None else self._survey.targets
        return DeviceNames(targets or {}, len(self._servers), self._booted.first, self._survey)

    # -- encrypted volumes ---------------------------------------------------------------------------------

    def _open_encrypted(self, layout: Layout, tried: set[str]) -> bool:
        """Open what keys were given for and was not met before; True if that may have shown more."""
        opened = False
        for volume in layout.volumes:
            if volume.content in TYPES and volume.device not in tried:
                tried.add(volume.device)
                if self._headers and volume.device in self._headers.devices:
                    continue  # it is the header of another, and nothing else
                header = self._headers.paths.get(volume.device, "") if self._headers else ""
                locked = Locked(volume, self._names.kernel(volume.device), header)
                opened |= open_locked(self._appliance, locked, self._keys)
        if opened:
            handle = self._appliance.handle
            self._appliance.call(lambda: handle.lvm_scan(True))
        return opened

    # -- filesystems ---------------------------------------------------------------------------------------

    def mount(self, volume: Volume, options: str = "") -> Filesystem | Declined:
        """Mount ``volume`` read-only, or say why not. Mounting the same volume again is cheap.

        :raises KeyNeeded: it is encrypted and locked.
        """
        subvolume = subvolume_option(options)
        key = (volume.device, subvolume)
        if key not in self._mounted:
            self._mounted[key] = self._mount(volume, subvolume)
        return self._mounted[key]

    def _mount(self, volume: Volume, subvolume: str) -> Filesystem | Declined:
        point = self.attach(volume, subvolume, MOUNT_OPTIONS.get(volume.content, "ro"))
        if isinstance(point, Declined):
            return point
        return ApplianceFilesystem(self._appliance, point, volume.content)

    def attach(self, volume: Volume, subvolume: str, options: str) -> str | Declined:
        """Mount ``volume`` and return where, in the words of libguestfs' calls (``/v0``), or why it cannot be.

        :param subvolume: as :func:`subvolume_option` returns it.
        :raises KeyNeeded: it is encrypted and locked.
        """
        point = f"/v{self._count}"
        self._count += 1
        declined = self.mount_at(volume, subvolume, options, f"{SYSROOT}{point}")
        if declined is not None:
            return declined
        self._points[point] = filesystem_device(volume)
        return point

    def mount_at(self, volume: Volume, subvolume: str, options: str, where: str) -> Declined | None:
        """Mount ``volume`` in the appliance's own tree, or say why not; whoever asks unmounts it.

        :param where: made if it is not there, and never followed if it is a link.
        :raises KeyNeeded: it is encrypted and locked.
        """
        if volume.content in TYPES:
            raise locked_volume(volume)
        if not volume.mountable:
            return Declined(volume.device, f"{volume.content or 'it'} holds no files")
        device = filesystem_device(volume)
        if volume.holder is Holder.SUBVOLUME and volume.parents:
            subvolume = subvolume or f"subvol={subvolume_path(volume)}"
        if subvolume and volume.content == "btrfs":
            options += f",{self._by_id(device, subvolume)}"
        complaint = self._run_mount(self._names.kernel(device), where, options)
        return (
            Declined(volume.device, complaint.replace(self._names.kernel(device), device))
            if complaint
            else None
        )

    def detach(self, device: str | None = None) -> str:
        """Unmount whatever is mounted of the filesystem on ``device`` (None: all), and forget what was read there.

        Returns what umount complains about; empty: nothing.
        """
        points = [point for point, mounted in self._points.items() if device in (None, mounted)]
        for point in points:
            del self._points[point]
        # Which filesystem a remembered answer belongs to is not asked: those that are still mounted cost a mount.
        self._mounted.clear()
        if not points:
            return ""
        where = " ".join(f"{SYSROOT}{point}" for point in reversed(points))
        said = self._appliance.shell(encode(f"sync; for i in {where}; do umount $i 2>&1; done"))
        return said.decode("utf-8", "replace").strip()

    def remount(self, device: str, options: str) -> str:
        """Mount what is mounted once of the filesystem on ``device`` with other options, and forget what was read.

        Returns where it is mounted; empty: it is not mounted, or more than once, or the kernel does not do it.
        """
        points = [point for point, mounted in self._points.items() if mounted == device]
        if len(points) != 1:
            return ""
        self._mounted.clear()
        where = f"{SYSROOT}{points[0]}"
        complaint = self._run_mount(self._names.kernel(device), where, f"remount,{options}")
        return "" if complaint else points[0]

    def content_now(self, volume: Volume) -> str:
        """Return what blkid finds on a volume now, in the words of :class:`Volume`; empty for nothing known."""
        kernel = shlex.quote(self._names.kernel(filesystem_device(volume)))
        said = self._appliance.shell(encode(f"blkid -p -s TYPE -o value {kernel}; true"))
        return said.decode("utf-8", "replace").strip()

    def kernel_name(self, device: str) -> str:
        """The path that a script in the appliance has to use for one of our devices."""
        return self._names.kernel(device)

    def _run_mount(self, device: str, where: str, options: str) -> str:
        """Mount; returns why it does not work, or nothing. The kernel's last words say more than mount's."""
        mount, place = shlex.join(["mount", "-o", options, device, where]), shlex.quote(where)
        # What the kernel said before is not about this mount; the line of ours is no complaint. A link is not followed:
        # in a guest it may lead to a folder of the appliance.
        begin = f"mkdir -p {place} 2>/dev/null; echo imgtools mounts {place} >/dev/kmsg"
        script = (
            f'{begin}; if [ "$(cd -P {place} && pwd -P)" != {place} ]; then '
            f"echo there is no folder for it; echo {FAILED}; "
            f"else LC_ALL=C {mount} 2>&1 || {{ echo {FAILED}; dmesg | tail -n 1; }}; fi"
        )
        said = self._appliance.shell(encode(script))
        return mount_complaint(said.decode("utf-8", "replace"), where)

    def _by_id(self, device: str, subvolume: str) -> str:
        """A subvolume option by id where the path is known: mount(8) cannot take every path."""
        path = subvolume.partition("=")[2].strip("/")
        if not subvolume.startswith("subvol=") or self._survey is None:
            return subvolume
        kernel_name = self._names.kernel(device).removeprefix("/dev/")
        seen = kernel_device(self._survey, device)
        for one in self._survey.devices:
            if one is seen or one.name == kernel_name:
                for number, name in one.subvolumes:
                    if name == path:
                        return f"subvolid={number}"
        return subvolume

    def close(self) -> None:
        """Shut the appliance down, or give it to the next image; errors of the last flush surface here."""
        self._booted.let_go()


def filesystem_device(volume: Volume) -> str:
    """The device that a volume's filesystem is on; of a btrfs subvolume, its parent."""
    is_part = volume.holder is Holder.SUBVOLUME and bool(volume.parents)
    return volume.parents[0] if is_part else volume.device


def mount_complaint(words: str, where: str) -> str:
    """What mount(8) and then the kernel say of a mount that failed; empty: it worked."""
    mounted, failed, kernel = words.partition(f"{FAILED}\n")
    if not failed:
        return ""
    lines = [line.strip() for line in mounted.splitlines() if line.strip() and "dmesg(1)" not in line]
    text = " ".join(lines).removeprefix("mount: ").removeprefix(f"{where}: ").rstrip(".")
    # [    8.232498] EXT4-fs (sdb2): Unsupported blocksize
    match = re.fullmatch(r"\[[^]]*\] \S+(?: \(\S+\))?: (.*)", kernel.strip())
    return f"{text} ({match[1]})" if match else text
