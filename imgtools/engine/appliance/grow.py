"""Grow what only a kernel can grow: LVM, LUKS, XFS, btrfs, each after what it lies in. One boot for all of it."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imgtools.engine.appliance.crypt import Locked, mapped_name, open_locked
from imgtools.engine.appliance.deeds import ACTIVATE, run_deed
from imgtools.engine.appliance.launch import MEMORY_WITH_KEYS, Appliance, Drive, launch_appliance
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import look
from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.errors import ApplianceFailed, KeyNeeded
from imgtools.records.deeds import Deed
from imgtools.records.disks import Holder, Volume
from imgtools.records.image import Layer
from imgtools.records.request import Key

log = logging.getLogger(__name__)

POINT = "/run/imgtools-grown"
# $D is the device. Each ends with a check, so that nothing half grown is kept.
SCRIPTS = {
    **dict.fromkeys(
        ("ext2", "ext3", "ext4"),
        "{ e2fsck -f -p $D || [ $? = 1 ]; }; resize2fs $D; e2fsck -f -n $D",
    ),
    "xfs": f"mkdir -p {POINT}; mount -t xfs -o nouuid $D {POINT}; xfs_growfs {POINT}; umount {POINT}; xfs_repair -n $D",
    "btrfs": (
        "ID=$(btrfs inspect-internal dump-super $D | sed -n 's/^dev_item.devid[^0-9]*//p'); "
        f"mkdir -p {POINT}; mount -t btrfs $D {POINT}; btrfs filesystem resize $ID:max {POINT}; umount {POINT}; "
        "btrfs check --readonly $D"
    ),
    "ntfs": "ntfsresize --info --no-progress-bar $D; ntfsresize -ff --no-progress-bar $D",
    "f2fs": "fsck.f2fs -f $D; resize.f2fs $D",
    "LVM2_member": "lvm pvresize $D",
}


def grow_in_appliance(
    disks: Sequence[tuple[Path, Sequence[Layer]]],
    volume: Volume | None,
    lv: str | None,
    keys: Sequence[Key],
    *,
    sector_size: int = 512,
) -> tuple[str, ...]:
    """Grow a volume of the first disk to the size of its partition, and all that lies in it.

    :param volume: a partition or the disk itself, grown already; None: only the logical volume grows.
    :param lv: a logical volume that gets all the free room of its group.
    :param sector_size: of the disks.
    :returns: what was grown, in words, in order.
    :raises KeyNeeded: a container is locked, and no key opens it.
    :raises RolledBack: a program failed.
    :raises ApplianceFailed: what the volume holds is not seen there.
    """
    with serve_overlays(disks) as daemon:
        drives = [
            Drive(socket=daemon.nbd_socket, export=name, read_only=False, sector_size=sector_size)
            for name in daemon.export_nbd()
        ]
        appliance = launch_appliance(drives, memory=MEMORY_WITH_KEYS if keys else 0)
        try:
            # Scripts need the kernel's names, which are others than ours in one launch of four.
            survey = look(appliance)
            names = DeviceNames(survey.targets, len(drives), survey=survey)
            grower = _Grower(appliance, names, keys)
            if volume is not None:
                grower.grow_volume(volume)
                if not grower.done:
                    raise ApplianceFailed(f"the appliance finds no {volume.content} on {volume.device}")
            if lv is not None:
                grower.extend(lv)
        finally:
            appliance.close()
    return tuple(grower.done)


class _Grower:
    """Grows one device after the other."""

    def __init__(self, appliance: Appliance, names: DeviceNames, keys: Sequence[Key]) -> None:
        self._appliance = appliance
        self._names = names
        self._keys = keys
        self.done: list[str] = []
        self._known: Volume | None = None

    def grow_volume(self, volume: Volume) -> None:
        """Grow what a volume holds, by all of whose names keys may be meant for it."""
        self._known = volume
        self.grow(volume.device)

    def grow(self, device: str, name: str = "") -> None:
        """Grow what a device holds, and what lies in that."""
        content = self._tag(device, "TYPE")
        if content == "crypto_LUKS":
            self._open(device)
            return
        script = SCRIPTS.get(content)
        if content == "swap":
            script = self._mkswap(device)
        if script is None:
            if content:
                log.info("%s holds %s, which does not grow", device, content)
            return
        self._run(script, device, f"{content} on {name or device}")

    def extend(self, lv: str) -> None:
        """Give a logical volume all the room that is free in its group, and grow what it holds."""
        self._run(ACTIVATE, lv, "the volume group")
        self.done.pop()
        self._run("lvm lvextend -y -l +100%FREE $D; udevadm settle", lv, f"logical volume {lv}")
        self.grow(lv)

    def _open(self, device: str) -> None:
        """Open a LUKS container: it is as large as its partition from then on."""
        known = self._known if self._known is not None and self._known.device == device else None
        volume = known or Volume(device, Holder.PARTITION, 0)
        volume = replace(volume, content="crypto_LUKS", uuid=self._tag(device, "UUID"))
        if not open_locked(self._appliance, Locked(volume, self._names.kernel(device)), self._keys):
            raise KeyNeeded(
                f"{device} is encrypted, and what is in it grows with its key only",
                hint=f"--key {device}:file:PATH",
            )
        # The group in it is not known to LVM before it looks again.
        self._appliance.call(lambda: self._appliance.handle.lvm_scan(True))
        mapped = f"/dev/mapper/{mapped_name(volume)}"
        self.done.append(f"LUKS container {device}")
        self.grow(mapped, f"the opened {device}")

    def _tag(self, device: str, tag: str) -> str:
        words = shlex.join(["blkid", "-p", "-o", "value", "-s", tag, self._names.kernel(device)])
        return self._appliance.shell(f"udevadm settle; {words} || true").decode("utf-8", "replace").strip()

    def _mkswap(self, device: str) -> str:
        uuid, label = self._tag(device, "UUID"), self._tag(device, "LABEL")
        return (
            shlex.join(["mkswap", *(["-U", uuid] if uuid else []), *(["-L", label] if label else [])]) + " $D"
        )

    def _run(self, script: str, device: str, what: str) -> None:
        """Run a script that stops at its first error.

        :raises RolledBack: it did.
        """
        run_deed(self._appliance, self._names, Deed(f"grow {what}", script, device))
        self.done.append(what)
