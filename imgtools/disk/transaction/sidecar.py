"""The files that an edit keeps beside an image: its lock, its overlay, its marker. Where they are, and no more.

They lie beside the image itself, links resolved, so that they move with it and are on the same filesystem. A block
device has no folder for them: they are in ``/var/tmp``, which survives a power cut, under the device's own name.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from imgtools.errors import HostError

NAME_MAX = 255  # bytes of a file name, on every filesystem of Linux
LONGEST = ".imgtools-unfinished.half-12345678"  # see half_name in engine/own_files.py


class Sidecar(NamedTuple):
    """Host paths of what belongs to one image."""

    folder: Path
    lock: Path
    overlay: Path
    marker: Path  # an edit was cut while it was committed


def sidecar_of(host_path: Path) -> Sidecar:
    """Return the places of an image's sidecar files; none of them need exist."""
    real = Path(os.path.realpath(host_path))
    folder, stem = real.parent, real.name
    if is_block_device(real):
        folder, stem = device_folder(), device_name(real)
    if len(os.fsencode(stem + LONGEST)) + 1 > NAME_MAX:
        import hashlib  # late: it brings OpenSSL, and few names are so long

        stem = hashlib.sha256(os.fsencode(stem)).hexdigest()[:32]
    return Sidecar(
        folder=folder,
        lock=folder / f".{stem}.imgtools-lock",
        overlay=folder / f"{stem}.imgtools-overlay",
        marker=folder / f"{stem}.imgtools-unfinished",
    )


def new_places(host_path: Path, count: int) -> tuple[Path, ...]:
    """Return what each disk of a guest is locked by, and has its overlay beside, where a new image of them is made.

    :param host_path: the new image's; of several disks, that of the folder of their images.
    """
    first = Path(os.path.realpath(host_path))
    return (first, *(first.with_name(f"{first.name}-{number}") for number in range(2, count + 1)))


def has_marker(host_path: Path) -> bool:
    """Whether something says that a commit of this image was cut; marker.py reads it."""
    return os.path.lexists(sidecar_of(host_path).marker)


def is_block_device(host_path: Path) -> bool:
    """Whether this is a block device, such as a logical volume of the host."""
    try:
        return stat.S_ISBLK(host_path.stat().st_mode)
    except OSError:
        return False


def device_folder() -> Path:
    """Return where sidecar files of block devices are; :func:`make_device_folder` makes it."""
    return Path(os.environ.get("IMGTOOLS_STATE", f"/var/tmp/imgtools-{os.geteuid()}"))


def make_device_folder() -> None:
    """Make the folder for sidecar files of block devices; nobody else may write in it.

    :raises HostError: something of that name is there already and is not ours.
    """
    folder = device_folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise HostError(f"{folder} is not a folder of ours alone", hint="remove it, or set IMGTOOLS_STATE")


def device_name(real: Path) -> str:
    """Return a name for a block device that is the same after a reboot: a device-mapper UUID or a WWID."""
    number = real.stat().st_rdev
    sys_folder = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    for fact in ("dm/uuid", "wwid", "device/wwid"):
        try:
            text = (sys_folder / fact).read_text().strip()
        except OSError:
            continue
        if text:
            return "".join(letter if letter.isalnum() else "-" for letter in text)
    return os.fspath(real).strip("/").replace("/", "-")
