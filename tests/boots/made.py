"""Disks that `imgtools make --bootable` makes of a real guest's files, booted by the firmware that they are made for.

The files are those of `real`, whose root lies on LVM and whose fstab names it so: what the new disk has none of.
"""

from __future__ import annotations

from pathlib import Path

from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.workflows.boot import BootRequest, Wishes, boot
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

GUEST, SIZE = "real", "3G"
MADE = {"made-bios": "bios", "made-uefi": "uefi"}  # the names of the cases, and the firmware of each


def made_and_booted(name: str, folder: Path, timeout: float) -> tuple[bool, str]:
    """Make a disk and boot it; whether it was good, and the verdict in words."""
    firmware = MADE[name]
    source, archive, image = copy_fixture(GUEST, folder)[0], folder / "root.tar", folder / "made.qcow2"
    imgtools("tar-out", source, "/", archive)
    source.unlink()
    imgtools("make", image, "--from", archive, "--bootable", firmware, "--size", SIZE)
    archive.unlink()
    report = boot(ImageRequest((DiskSource(image),)), BootRequest(Wishes(firmware=firmware), seconds=timeout))
    return report.reached and report.firmware == firmware, f"{report.verdict} by {report.firmware}"
