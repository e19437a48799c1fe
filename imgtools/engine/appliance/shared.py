"""One appliance for one image after the other: disks are plugged into it and taken out, and nothing of an image stays.

It is booted without any disk. Each image's disks come as SCSI disks at their targets (QMP, ``device_add``), what lies
on them is assembled as at a start, and when the image is done with, everything is closed and the disks are taken out.
Then the appliance has to be as it was before the first: block devices, mounts, and whether its kernel has complained.
If it is not, it is shut down, and the next image boots another.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from imgtools.engine.appliance.launch import Drive, launch_appliance
from imgtools.engine.appliance.quick import ASSEMBLE
from imgtools.engine.appliance.session import Booted, boot_alone
from imgtools.engine.qemu.monitor import Monitor
from imgtools.engine.qemu.nodes import nbd_node, overlay_node, scsi_disk
from imgtools.engine.qemu.overlay import create_scratch
from imgtools.errors import ApplianceFailed, EngineTimeout, ImgtoolsError
from imgtools.volumes.volume_file import DiskServer

log = logging.getLogger(__name__)

# The targets of an image's disks begin here: 0 has the empty drive without which libguestfs does not launch, 1 its own.
FIRST = 2
MOST_TARGETS = 255  # of a SCSI bus in QEMU (virtio-scsi, VIRTIO_SCSI_MAX_TARGET)
BUS = "scsi.0"  # libguestfs' (lib/launch-direct.c)
EMPTY = Drive(host_path=Path("/dev/null"))
PLUG_SECONDS = 300.0  # without KVM 1 to 2
STATE_SECONDS = 120.0

# A partition is known to the kernel before udev hears of its disk; udev has a file for each when it is through with it.
PLUG = r"""
told() {
  for dev in "$1"/dev "$1"/sd*/dev; do
    [ -e "$dev" ] || continue
    read -r number < "$dev"
    [ -e "/run/udev/data/b$number" ] || return 1
  done
}
for target in @TARGETS@; do
  tries=1200
  while :; do
    set -- /sys/bus/scsi/devices/*:0:$target:0/block/sd*
    [ -e "$1" ] && told "$1" && break
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "the kernel of the appliance does not see disk $target"; exit 0; }
    sleep 0.05
  done
done
udevadm settle --timeout=600
exec >/dev/null 2>&1
@ASSEMBLE@
exit 0
"""
UNPLUG = r"""
cd /
exec 2>&1
points=
while read -r device point rest; do
  case $point in /sysroot/*|/run/imgtools/*) points="$point $points" ;; esac
done < /proc/mounts
[ -z "$points" ] || umount $points
# Mappings lie on arrays, and arrays on mappings.
for round in 1 2 3; do
  left=
  for block in /sys/block/dm-* /sys/block/md*; do [ -e "$block" ] && left=1; done
  [ "$left" ] || break
  dmsetup remove_all
  mdadm --stop --scan
done
[ ! -e /sys/fs/btrfs ] || btrfs device scan --forget
for target in @TARGETS@; do
  for disk in /sys/bus/scsi/devices/*:0:$target:0; do [ -e "$disk" ] && echo 1 > $disk/delete; done
done
udevadm settle --timeout=600
rm -rf /run/lvm /run/imgtools /sysroot/v*
exit 0
"""
STATE = (
    "echo /sys/block/* /run/udev/data/b* /sys/bus/scsi/devices/* /sysroot/* /dev/mapper/*; "
    "cat /proc/mounts /proc/sys/kernel/tainted"
)


class SharedAppliance:
    """An appliance that images take turns in; booted when the first one needs it, and again when one has spoilt it."""

    def __init__(self) -> None:
        self._machine: _Machine | None = None
        self._is_taken = False

    def boot(self, servers: Sequence[DiskServer], drives: Sequence[Drive], memory: int) -> Booted:
        """Have the appliance run with the disks of one image; an image that comes meanwhile has one of its own.

        :param servers: of the same disks, for how large they are.
        :raises ApplianceFailed: it does not start, or does not see the disks.
        """
        if self._is_taken or len(drives) > MOST_TARGETS - FIRST:
            return boot_alone(servers, drives, memory)
        machine = self._running(memory)
        with ExitStack() as stack:
            stack.callback(self.close)
            machine.plug(servers, drives)
            stack.pop_all()
        self._is_taken = True
        return Booted(machine.appliance, FIRST, self._take_back)

    def _running(self, memory: int) -> _Machine:
        machine = self._machine
        if machine is not None and (machine.appliance.has_ended or machine.memory < memory):
            self.close()
        if self._machine is None:
            self._machine = _Machine(memory)
        return self._machine

    def _take_back(self) -> None:
        self._is_taken = False
        if self._machine is not None and not self._machine.unplug():
            self.close()

    def close(self) -> None:
        """Shut the appliance down; nothing of what it has written is kept, so nothing is lost if it cannot be."""
        machine, self._machine = self._machine, None
        if machine is not None:
            machine.close()


class _Machine:
    """One boot."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._plugged: list[int] = []  # targets
        with ExitStack() as stack:
            self.appliance = launch_appliance([EMPTY], memory=memory, monitor=True)
            stack.callback(self._shut_down)
            self._monitor = Monitor(connected(self.appliance.monitor), "the appliance's QEMU", self._gone)
            stack.callback(self._monitor.close)
            self._empty = self._state()
            self._stack = stack.pop_all()

    @staticmethod
    def _gone() -> ApplianceFailed:
        return ApplianceFailed("the appliance has ended")

    def _state(self) -> bytes:
        return self.appliance.shell(STATE, seconds=STATE_SECONDS)

    def _shut_down(self) -> None:
        try:
            self.appliance.close()
        except (ApplianceFailed, EngineTimeout) as error:
            log.debug("the appliance does not end as it should: %s", error.message)

    def close(self) -> None:
        self._stack.close()

    def plug(self, servers: Sequence[DiskServer], drives: Sequence[Drive]) -> None:
        """Plug the disks of an image in.

        :raises ApplianceFailed: the kernel does not see one of them.
        """
        log.info("the appliance that is up gets the disks of this image")
        for target, (server, drive) in enumerate(zip(servers, drives, strict=True), FIRST):
            overlay = self.appliance.folder / f"overlay{target}"
            create_scratch(overlay, server.size)
            self._plugged.append(target)
            node = overlay_node(overlay, nbd_node(drive.socket, drive.export)).plus(("cache.no-flush", "on"))
            self._monitor.execute("blockdev-add", **node.qmp(f"disk{target}"))
            disk = scsi_disk(f"disk{target}", target, drive.sector_size)
            self._monitor.execute("device_add", id=f"drive{target}", bus=BUS, **disk)
        said = self._run(PLUG.replace("@ASSEMBLE@", ASSEMBLE.read_text()))
        if said:
            raise ApplianceFailed(said)

    def _run(self, script: str) -> str:
        targets = " ".join(map(str, self._plugged))
        answer = self.appliance.shell(script.replace("@TARGETS@", targets), seconds=PLUG_SECONDS)
        return answer.decode("utf-8", "replace").strip()

    def unplug(self) -> bool:
        """Close all that was opened of an image, and take its disks out; returns whether nothing of it is left."""
        if self.appliance.has_ended:
            return False
        try:
            if said := self._run(UNPLUG):
                log.debug("the appliance is cleared: %s", said)
            for target in self._plugged:
                self._monitor.execute("device_del", id=f"drive{target}")
            is_empty = self._state() == self._empty
            for target in self._plugged:
                self._monitor.execute("blockdev-del", **{"node-name": f"disk{target}"})
                (self.appliance.folder / f"overlay{target}").unlink()
        except ImgtoolsError as error:
            log.debug("the appliance cannot be cleared: %s", error.message)
            return False
        self._plugged.clear()
        if not is_empty:
            log.debug("something of the image is left in the appliance")
        return is_empty


def connected(place: Path) -> socket.socket:
    """Return a connection to QEMU's monitor.

    :raises ApplianceFailed: QEMU has gone.
    """
    control = socket.socket(socket.AF_UNIX)
    with ExitStack() as stack:
        stack.callback(control.close)
        try:
            control.connect(str(place))
        except OSError as error:
            raise ApplianceFailed(f"the appliance's QEMU cannot be reached: {error.strerror}") from None
        stack.pop_all()
    return control
