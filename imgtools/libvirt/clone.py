"""New images that are made of a template: overlays on it, and whole copies of it."""

from __future__ import annotations

import fcntl
import shutil
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from imgtools.disk.in_use import refuse_writer
from imgtools.disk.new_file import writing_early
from imgtools.disk.transaction.lock import is_locked
from imgtools.disk.transaction.may_edit import refuse_running_domain
from imgtools.engine.qemu.img.commands import Conversion, convert
from imgtools.engine.qemu.nodes import chain_node, overlay_node
from imgtools.engine.qemu.overlay import commit_overlay, create_overlay
from imgtools.errors import EditConflict, HostError, ImageInUse, UnsupportedFormat, UsageError
from imgtools.records.image import ImageInfo
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest

FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
# Of each file of a template: inode, size in bytes, and when it was last written to, in nanoseconds.
Fingerprint = tuple[tuple[int, int, int], ...]


def refuse_busy_template(request: ImageRequest) -> None:
    """Make sure that nobody changes the template now, and that it can be cloned.

    :raises ImageInUse: its domain is not shut off, a QEMU program has a disk of it open for writing, or an imgtools is
        editing it.
    :raises UsageError: an internal snapshot was asked for.
    """
    for disk in request.disks:
        if disk.snapshot is not None:
            raise UsageError(
                "an internal snapshot is no template",
                hint="make an image of it first: imgtools convert --snapshot NAME IMAGE TEMPLATE",
            )
        if disk.held is not None and disk.held.is_live:
            raise ImageInUse(disk.held.text, hint=disk.held.hint)
        refuse_writer(disk.host_path)
        refuse_running_domain(disk.host_path)
        if is_locked(disk.host_path):
            raise ImageInUse(f"another imgtools is editing {disk.host_path}", hint="wait until it has ended")


def refuse_encrypted(info: ImageInfo) -> None:
    """Make sure that the template is no encrypted image: a copy of it would not be.

    :raises UnsupportedFormat: it is one.
    """
    for layer in info.chain:
        if layer.encryption or layer.format == "luks":
            raise UnsupportedFormat(
                f"{layer.host_path} is an encrypted image ({layer.encryption or 'luks'}), its clones would not be",
                hint="imgtools convert makes an image without encryption; encrypted volumes inside one are cloned",
            )


def fingerprint(info: ImageInfo) -> Fingerprint:
    """Return what changes when somebody writes to a file of the template."""
    found = (path.stat() for layer in info.chain for path in (layer.host_path, *layer.extents))
    return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)


def require_unchanged(info: ImageInfo, before: Fingerprint) -> None:
    """Make sure that the template is what it was.

    :raises EditConflict: somebody has written to it.
    """
    if fingerprint(info) != before:
        raise EditConflict(
            f"{info.source.host_path} was changed by another program while it was cloned",
            hint="the clones that were made before are good; make the others again",
        )


def make_linked(host_path: Path, template: ImageInfo) -> None:
    """Make an overlay on the template, with the template's format and its absolute path recorded in it."""
    create_overlay(host_path, template.chain[0])


def copy_file(source: Path, target: Path) -> None:
    """Copy a small file: an overlay of ours, firmware variables.

    :raises HostError: it cannot be read.
    """
    try:
        if not share_blocks(source, target):
            shutil.copyfile(source, target)
        allow_as(source, target)
    except OSError as error:
        raise HostError(f"cannot copy {source}: {error.strerror}") from None


def allow_as(source: Path, target: Path) -> None:
    """Let those read and write a new file who may do so with the template, and its owner, whatever he may there."""
    target.chmod(stat.S_IMODE(source.stat().st_mode) & 0o666 | 0o600)


def share_blocks(source: Path, target: Path) -> bool:
    """Make a copy that shares all blocks with the original, as ``cp --reflink`` does; False: the host cannot.

    btrfs and XFS can, and others of late (ioctl_ficlone(2)).
    """
    with source.open("rb") as old, target.open("xb") as new, suppress(OSError):
        fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
        return True
    target.unlink()
    return False


def may_share(info: ImageInfo, format: str) -> bool:
    """Whether a copy of the template's one file is the clone: nothing below it, and nothing in it but the disk.

    Internal snapshots hold what the guest was before it was prepared: no clone shall have them.
    """
    layer = info.chain[0]
    return info.format == format and len(info.chain) == 1 and not info.snapshots and not layer.extents


def write_copy(
    overlay: Path, info: ImageInfo, target: Path, format: str, *, progress: Progress | None = None
) -> None:
    """Write template and overlay together as a new image.

    :raises NoRoom: the host has no room.
    """
    if may_share(info, format) and share_blocks(info.chain[0].host_path, target):
        commit_overlay(overlay, (replace(info.chain[0], host_path=target),))
        return
    with writing_early(target):
        convert(overlay_node(overlay, chain_node(info.chain)), target, Conversion(format), progress=progress)
