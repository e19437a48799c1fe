"""Whether an image may be edited, asked before anything is made: its format, its file, who uses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from imgtools.disk.formats import is_image_name
from imgtools.disk.in_use import refuse_held
from imgtools.disk.new_file import refuse_own_files, refuse_target
from imgtools.disk.new_folder import refuse_folder
from imgtools.disk.transaction.sidecar import is_block_device, sidecar_of
from imgtools.engine.process import HOST, Limits, ToolFailed, run
from imgtools.errors import (
    BadImage,
    EngineTimeout,
    HostError,
    ImageInUse,
    UnsupportedFormat,
    UsageError,
)
from imgtools.records.image import ImageInfo, Layer
from imgtools.records.request import OutputTarget

IN_PLACE = frozenset({"raw", "qcow2"})  # formats that a commit writes, and that survive a cut of it
OUTPUTS = frozenset({"raw", "qcow2", "qed", "vdi", "vhdx", "vmdk", "vpc"})
COMPRESSIBLE = frozenset({"qcow2"})
ANOTHER = "--output FILE makes a new image, and leaves this one as it is"

# Where libvirt's daemons listen for those who only look: the split daemon's socket, and the old one's.
_LIBVIRT_SOCKETS = ("/run/libvirt/virtqemud-sock-ro", "/run/libvirt/libvirt-sock-ro")
_LIBVIRT_SECONDS = 5.0


def require_writable(infos: Sequence[ImageInfo]) -> None:
    """Make sure that the images can be written in place.

    :raises UnsupportedFormat: QEMU cannot write the format in place, or not in a way that survives a cut.
    :raises BadImage: the image is marked as corrupt.
    :raises HostError: the file or its folder cannot be written.
    :raises ImageInUse: the domain that it is a disk of is not shut off.
    :raises UsageError: an internal snapshot was asked for.
    """
    for info in infos:
        require_own_file(info)
        refuse_held(info.source)
        _require_readable_top(info)
        layer = info.chain[0]
        if layer.format not in IN_PLACE:
            raise UnsupportedFormat(f"a {layer.format} image cannot be edited in place", hint=ANOTHER)
        _require_files(info)


def require_own_file(info: ImageInfo) -> None:
    """Make sure that an image is a file of the host by itself, which alone can be written.

    :raises UnsupportedFormat: it lies in an archive, is packed, or is behind a server.
    """
    if info.chain[0].inside is not None:
        raise UnsupportedFormat(
            f"{info.source.name} is read only: it is no image file by itself", hint=ANOTHER
        )


def require_output(infos: Sequence[ImageInfo], output: OutputTarget) -> None:
    """Make sure that a new image can be made.

    Of several disks, a new folder with an image of each.

    :raises UsageError: options that do not fit, or the name of one image for several disks.
    :raises TargetExists: its name is taken, and it says nothing of taking the place.
    :raises UnsupportedFormat: QEMU does not write the format.
    :raises HostError: there is no such folder, or it cannot be written.
    """
    for info in infos:
        _require_readable_top(info)
        wanted = output.format or info.format
        if wanted not in OUTPUTS:
            raise UnsupportedFormat(
                f"QEMU does not write {wanted} images",
                hint=f"-O {'|'.join(sorted(OUTPUTS))} chooses another format",
            )
        if output.compress and wanted not in COMPRESSIBLE:
            raise UsageError(f"a {wanted} image cannot be compressed", hint="-O qcow2 --compress")
    if len(infos) > 1:
        if output.overwrite:
            raise UsageError(
                "--overwrite takes the place of one file, and the images of several disks go into a new folder",
                hint="name a folder that is not there yet",
            )
        if is_image_name(output.host_path) and not output.host_path.is_dir():
            raise UsageError(
                f"the guest has {len(infos)} disks, and {output.host_path.name} is the name of one image",
                hint="--output FOLDER makes a folder with an image of each",
            )
        refuse_folder(output.host_path)
    else:
        refuse_own_files(infos, output.host_path)
        refuse_target(output.host_path, overwrite=output.overwrite)
    _require_folder(sidecar_of(output.host_path).folder, "name a file in a folder that can be written")


def _require_readable_top(info: ImageInfo) -> None:
    """What neither an edit in place nor a new image can be made of."""
    if info.source.snapshot is not None:
        raise UsageError(
            "an internal snapshot is read only", hint="leave --snapshot away, or make an image of it first"
        )
    for layer in info.chain:
        if layer.encryption or layer.format == "luks":
            raise UnsupportedFormat(
                f"{layer.name} is an encrypted image ({layer.encryption or 'luks'}): it can be read, not edited",
                hint="imgtools convert makes an image without encryption; encrypted volumes inside one can be edited",
            )
    details = dict(info.details)
    if details.get("corrupt") == "true":
        raise BadImage(
            f"{info.source.name} is marked as corrupt, and QEMU writes to no such image",
            hint="imgtools check --repair all --write repairs what can be repaired",
        )


def _require_files(info: ImageInfo) -> None:
    layer = info.chain[0]
    for host_path in (layer.host_path, *layer.extents):
        if not os.access(host_path, os.W_OK):
            raise HostError(f"{host_path} cannot be written: no permission", hint=ANOTHER)
    _require_one_name(layer)
    if not is_block_device(layer.host_path):
        _require_folder(sidecar_of(layer.host_path).folder, ANOTHER)


def require_access(host_path: Path) -> None:
    """Make sure that a file may be written, before a change is kept that could never be committed.

    :raises HostError: it may not.
    """
    if not os.access(host_path, os.W_OK):
        raise HostError(f"{host_path} cannot be written: no permission", hint="chmod u+w, or work on a copy")


def _require_one_name(layer: Layer) -> None:
    """After a cut, the image is only known as half written by its name: under another, nothing would warn."""
    links = layer.host_path.stat().st_nlink
    if links > 1 and not is_block_device(layer.host_path):
        raise HostError(
            f"{layer.host_path} has {links} names (hard links), an edit knows it by one", hint=ANOTHER
        )


def _require_folder(folder: Path, hint: str) -> None:
    if not folder.is_dir():
        raise HostError(f"no such folder: {folder}", hint=hint)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HostError(f"{folder} cannot be written: no permission", hint=hint)


def refuse_running_domain(host_path: Path) -> None:
    """Make sure that no running or paused libvirt domain uses the image, if libvirt is there to ask.

    A running guest is found by QEMU's own locks already; this finds those that have locks switched off, and
    hypervisors that have none.

    :raises ImageInUse: one does.
    """
    if not any(Path(socket).exists() for socket in _LIBVIRT_SOCKETS) or shutil.which("virsh") is None:
        return
    argv = ["virsh", "--readonly", "--quiet", "domstats", "--block", "--list-active"]
    try:
        told = run(argv, HOST, limits=Limits(seconds=_LIBVIRT_SECONDS)).text
    except (ToolFailed, EngineTimeout):
        return  # no answer is no user; the locks were asked already
    real, domain = os.path.realpath(host_path), ""
    for line in told.splitlines():
        name, _, value = line.strip().partition("=" if "=" in line else ":")
        if name == "Domain":
            domain = value.strip().strip("'")
        elif name.startswith("block.") and name.endswith(".path") and os.path.realpath(value) == real:
            raise ImageInUse(
                f"{host_path} is used by the running guest {domain}",
                hint=f"shut it down first: virsh shutdown {domain}",
            )
