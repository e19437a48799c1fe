"""Disks that are attached to a running appliance beside those of the guest, to read from."""

from __future__ import annotations

from imgtools.engine.appliance.launch import Appliance
from imgtools.engine.appliance.shared import PLUG, PLUG_SECONDS, connected
from imgtools.engine.qemu.monitor import Monitor
from imgtools.engine.qemu.nodes import nbd_node, overlay_node, scsi_disk
from imgtools.engine.qemu.overlay import create_scratch
from imgtools.errors import ApplianceFailed
from imgtools.volumes.volume_file import DiskServer

FIRST = 100  # SCSI target of the first of them; libguestfs has the lowest
# The disk itself, if it holds a filesystem, else its partitions. $1: number.
MOUNT = r"""
set -- /sys/bus/scsi/devices/*:0:@TARGET@:0/block/sd*
name=${1##*/}
told=
for dev in /dev/$name /dev/$name?*; do
  [ -e "$dev" ] || continue
  part=${dev#/dev/$name}
  place=/attached/@NUMBER@${part:+/$part}
  mkdir -p $place
  if mount -o ro "$dev" $place 2>/dev/null; then told="$told $place"; [ "$part" ] || break; fi
  [ -z "$part" ] || rmdir $place 2>/dev/null
done
echo "/dev/$name$told"
"""


def plug_read_only(appliance: Appliance, number: int, server: DiskServer) -> str:
    """Plug a disk in and mount what is on it below /attached/``number``; returns its device and where it is mounted.

    LVM, RAID and encryption on it are left alone: its names may be the guest's own, as a copy's are.

    :raises ApplianceFailed: the kernel does not see the disk.
    """
    target = FIRST + number
    overlay = appliance.folder / f"attached{number}"
    create_scratch(overlay, server.size)  # so that a journal can be replayed
    monitor = Monitor(connected(appliance.monitor), "the appliance's QEMU", _gone)
    try:
        node = overlay_node(overlay, nbd_node(server.socket)).plus(("cache.no-flush", "on"))
        monitor.execute("blockdev-add", **node.qmp(f"attached{number}"))
        monitor.execute(
            "device_add",
            id=f"drive-attached{number}",
            bus="scsi.0",
            **scsi_disk(f"attached{number}", target, 512),
        )
    finally:
        monitor.close()
    script = PLUG.replace("@ASSEMBLE@", "").replace("@TARGETS@", str(target))
    said = appliance.shell(script, seconds=PLUG_SECONDS).decode("utf-8", "replace").strip()
    if said:
        raise ApplianceFailed(said)
    script = MOUNT.replace("@TARGET@", str(target)).replace("@NUMBER@", str(number))
    return appliance.shell(script).decode("utf-8", "replace").strip()


def _gone() -> ApplianceFailed:
    return ApplianceFailed("the appliance has ended")
