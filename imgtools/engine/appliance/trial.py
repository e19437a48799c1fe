"""A full test of the appliance: boot it, and read a known disk through every layer that a guest's disk takes."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from imgtools.engine.appliance.failure import without_doctor
from imgtools.engine.appliance.launch import Drive, launch_appliance
from imgtools.errors import EngineFailed, EngineTimeout, ImgtoolsError
from imgtools.volumes.volume_file import DiskServer

TOO_SLOW = "try again when the host is less busy; libguestfs-test-tool shows all that the appliance says"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a test went. ``error`` and ``hint`` are empty if it went well; ``seconds`` is the wall clock."""

    seconds: float
    accelerator: str = ""  # KVM or TCG
    kernel: str = ""  # release of the appliance's kernel
    error: str = ""
    hint: str = ""


def try_reading(server: DiskServer, expected: bytes) -> Trial:
    """Read the disk without booting, and compare."""
    begin = time.monotonic()
    try:
        _compare(hashlib.sha256(server.read(0, len(expected))).hexdigest(), expected)
    except ImgtoolsError as error:
        return failed_trial(begin, error)
    return Trial(time.monotonic() - begin)


def try_appliance(server: DiskServer, expected: bytes) -> Trial:
    """Boot the appliance with the disk, read it inside and compare, and shut down."""
    begin = time.monotonic()
    try:
        appliance = launch_appliance([Drive(socket=server.socket)])
        try:
            # By its SCSI target, because the kernel may call the only disk of a guest /dev/sdb.
            script = "uname -r; cat /dev/disk/by-path/*-scsi-0:0:0:0 | sha256sum"
            kernel, _, digest = appliance.shell(script).decode("ascii", "replace").partition("\n")
            _compare(digest.partition(" ")[0], expected)
        finally:
            appliance.close()
    except ImgtoolsError as error:
        return failed_trial(begin, error)
    return Trial(time.monotonic() - begin, appliance.accelerator, kernel)


def _compare(digest: str, expected: bytes) -> None:
    if digest != hashlib.sha256(expected).hexdigest():
        raise EngineFailed(
            "a disk does not read as it was written", hint="the memory or the storage of this host is unsound"
        )


def failed_trial(begin: float, error: ImgtoolsError) -> Trial:
    """The record of a test that ended with a named error."""
    hint = TOO_SLOW if isinstance(error, EngineTimeout) else without_doctor(error.hint)
    return Trial(time.monotonic() - begin, error=error.message, hint=hint)
