"""Scripts that change volumes in the appliance, one after the other, each to its end or none of it is kept."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.appliance.crypt import Locked, open_locked
from imgtools.engine.appliance.launch import MEMORY_WITH_KEYS, Appliance, Drive, launch_appliance
from imgtools.engine.appliance.names import DeviceNames
from imgtools.engine.appliance.survey import look
from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.errors import ApplianceFailed, RolledBack
from imgtools.records.deeds import Deed
from imgtools.records.disks import Volume
from imgtools.records.image import Layer
from imgtools.records.request import Key

SECONDS = 6 * 3600.0  # a filesystem is checked before its size changes
LOG = "/run/imgtools-deed"
ACTIVATE = "lvm vgchange -ay --sysinit"


def run_deed(appliance: Appliance, names: DeviceNames, deed: Deed) -> None:
    """Run one script.

    :raises RolledBack: it failed; the message has its last words.
    :raises ApplianceFailed: nobody knows what became of it.
    """
    mark = secrets.token_hex(8)
    kernel = shlex.quote(names.kernel(deed.device))
    # Not "( ... ) || echo": the shell ignores set -e on the left of that.
    whole = f"( set -e; D={kernel}; {deed.script}\n udevadm settle ) >{LOG} 2>&1; echo {mark} $?; tail -n 20 {LOG}"
    told = appliance.shell(whole, seconds=SECONDS).decode("utf-8", "replace")
    code, _, words = told.partition(f"{mark} ")[2].partition("\n")
    if code.strip() == "0":
        return
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    said = lines[-1] if lines else f"exit code {code.strip() or 'unknown'}"
    if not code.strip():
        raise ApplianceFailed(f"the appliance does not say what became of this: {deed.what}")
    raise RolledBack(f"cannot {deed.what}: {said}", hint="the image is as it was")


def carry_out_deeds(
    disks: Sequence[tuple[Path, Sequence[Layer]]],
    deeds: Sequence[Deed],
    *,
    locked: Sequence[Volume] = (),
    keys: Sequence[Key] = (),
    sector_sizes: Sequence[int] = (),
) -> None:
    """Boot the appliance over the overlays of a guest's disks, and do one deed after the other.

    :param locked: encrypted volumes; those that a key was given for are opened before.
    :raises RolledBack: one of them failed.
    :raises KeyNeeded: no key that was given for a volume opens it.
    """
    with serve_overlays(disks) as daemon:
        drives = [
            Drive(
                socket=daemon.nbd_socket,
                export=name,
                read_only=False,
                sector_size=(*sector_sizes, *[512] * len(disks))[number],
            )
            for number, name in enumerate(daemon.export_nbd())
        ]
        appliance = launch_appliance(drives, memory=MEMORY_WITH_KEYS if keys else 0)
        try:
            survey = look(appliance)
            names = DeviceNames(survey.targets, len(drives), survey=survey)
            opened = [
                open_locked(appliance, Locked(one, names.kernel(one.device)), keys) for one in locked if keys
            ]
            if any(opened):
                appliance.call(lambda: appliance.handle.lvm_scan(True))
            run_deed(appliance, names, Deed("see the volume groups", ACTIVATE, "/dev/sda"))
            for deed in deeds:
                run_deed(appliance, names, deed)
        finally:
            appliance.close()
