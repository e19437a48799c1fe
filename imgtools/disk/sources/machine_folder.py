"""A folder of a virtual machine, or one file of it that names its disks: OVF, VMware's .vmx, Hyper-V's disks.

What is found are image files, which are opened as if they had been named themselves. What a file names must lie in its
own folder, links resolved: a stranger's .vmx opens nothing else.

Sources: VMware's .vmx as Workstation and ESXi write it (``scsi0:0.fileName = "disk.vmdk"``; the name is that of the
disk in use, with snapshots the newest one); block/vhdx.c of QEMU, which reads no disk that stands on another.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imgtools.disk.headers import probe, read_header
from imgtools.disk.headers.hostfile import HostFile, open_host_file
from imgtools.disk.sources.manifest import LARGEST as LARGEST_MANIFEST
from imgtools.disk.sources.manifest import check_bytes, check_stretch, read_manifest
from imgtools.disk.sources.opening import Work
from imgtools.disk.sources.ovf import LARGEST, OvfFile, read_ovf, require_plain
from imgtools.errors import (
    BadImage,
    HostError,
    ImgtoolsError,
    ManyGuests,
    UntrustedBacking,
    UsageError,
    shorten,
)
from imgtools.records.image import DiskSource

LARGEST_VMX = 1 << 20  # bytes
MOST_FILES = 1000  # of a folder that are looked at
DISKS = frozenset({".vmdk", ".vhdx", ".avhdx", ".vhd", ".avhd"})
BUSES = ("ide", "sata", "scsi", "nvme")  # in the order in which a machine's firmware finds them
_ENTRY = re.compile(r'^\s*((ide|sata|scsi|nvme)(\d{1,2}):(\d{1,2}))\.(\w+)\s*=\s*"(.*)"\s*$', re.IGNORECASE)
_FLAT = re.compile(r"-(flat|delta|sesparse|ctk|s\d{3,}|f\d{3,})\.vmdk$", re.IGNORECASE)


def open_machine_folder(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return the disks of the machine in a folder.

    :raises UsageError: it could be one of several.
    :raises BadImage: there is none that can be read.
    """
    folder = source.host_path
    names = names_in(folder)
    for suffix, opener in ((".vmx", open_vmx), (".ovf", open_ovf)):
        found = [name for name in names if name.lower().endswith(suffix)]
        if len(found) > 1:
            raise _ambiguous(source, found)
        if found:
            return opener(replace(source, host_path=folder / found[0]), work)
    return (_active_disk(source, [name for name in names if Path(name).suffix.lower() in DISKS]),)


def is_machine_folder(folder: Path) -> bool:
    """Whether a folder holds a machine's files, and is no root of a system."""
    suffixes = {Path(name).suffix.lower() for name in names_in(folder)}
    return bool(suffixes & (DISKS | {".vmx", ".ovf"})) and not (folder / "etc").is_dir()


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder; of a folder that cannot be read none."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                one.name for _, one in zip(range(MOST_FILES), entries, strict=False) if one.is_file()
            )
    except OSError:
        return []


def _ambiguous(source: DiskSource, names: Sequence[str]) -> UsageError:
    shown = ", ".join(str(source.host_path / name) for name in names[:10])
    return UsageError(
        f"{source.name} could be any of {len(names)} disks or machines", hint=f"name one: {shown}"
    )


# -- disks without a machine ---------------------------------------------------------------------------------


def _active_disk(source: DiskSource, names: Sequence[str]) -> DiskSource:
    """Return the one disk that no other stands on, and that is no part of another."""
    folder = source.host_path
    below: set[str] = set()
    tops: list[str] = []
    for name in names:
        if _FLAT.search(name):
            continue
        try:
            with open_host_file(folder / name) as file:
                format = probe(file)
                header = read_header(file, format, 0, may_be_cut=True)
        except ImgtoolsError as error:
            if "differencing" in error.message:
                raise BadImage(
                    f"{folder / name} stands on another disk, which QEMU cannot read of this format",
                    hint="merge the checkpoints with Hyper-V first (Merge-VHD), then name the disk",
                ) from None
            continue
        if format == "raw":
            continue
        below.update(
            os.fsdecode(one) for one in (header.backing, *(extent.name for extent in header.extents))
        )
        tops.append(name)
    found = [name for name in tops if name not in {Path(one).name for one in below}]
    if not found:
        raise BadImage(f"{source.name} holds no disk that can be read", hint="name the disk itself")
    if len(found) > 1:
        raise _ambiguous(source, found)
    return replace(source, host_path=folder / found[0])


def descriptor_of(flat: Path) -> Path | None:
    """Return the descriptor beside the data of a VMDK disk that is named itself; None: it has none."""
    place = flat.with_name(_FLAT.sub(".vmdk", flat.name))
    if place == flat or not place.is_file():
        return None
    try:
        with open_host_file(place) as file:
            extents = read_header(file, probe(file), 0, may_be_cut=True).extents
    except ImgtoolsError:
        return None
    return place if [os.fsdecode(one.name) for one in extents] == [flat.name] else None


def open_flat(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return the disk whose data alone was named."""
    place = descriptor_of(source.host_path)
    assert place is not None
    return (replace(source, host_path=place),)


# -- VMware ------------------------------------------------------------------------------------------------


def open_vmx(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return the disks that a .vmx names, in the order of the machine's buses."""
    path = source.host_path
    text = _text(path, LARGEST_VMX).decode("utf-8", "surrogateescape")
    drives: dict[tuple[int, int, int], dict[str, str]] = {}
    for line in text.splitlines():
        if match := _ENTRY.match(line):
            place = BUSES.index(match[2].lower()), int(match[3]), int(match[4])
            drives.setdefault(place, {})[match[5].lower()] = match[6]
    named = [drives[place].get("filename", "") for place in sorted(drives) if _is_disk(drives[place])]
    if not named:
        raise BadImage(f"{source.name} describes a machine without a disk", hint="name the disk itself")
    return tuple(_beside(source, name, "disk") for name in named)


def _is_disk(drive: Mapping[str, str]) -> bool:
    name, kind = drive.get("filename", ""), drive.get("devicetype", "").lower()
    present = drive.get("present", "TRUE").upper() == "TRUE"
    return present and name.lower().endswith(".vmdk") and "cdrom" not in kind


# -- OVF with its files beside it ----------------------------------------------------------------------------


def open_ovf(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return the disks of a package whose files lie beside its descriptor.

    :raises BadImage: a file is missing, or is not what the package says.
    """
    path = source.host_path
    text = _text(path, LARGEST)
    manifest = path.with_suffix(".mf")
    digests = read_manifest(_text(manifest, LARGEST_MANIFEST), str(manifest)) if manifest.is_file() else {}
    if path.name in digests:
        check_bytes(text, digests[path.name], str(path))
    envelope = read_ovf(text, str(path))
    if len(envelope.machines) > 1:
        raise ManyGuests(f"{path} describes {len(envelope.machines)} machines", hint="name a disk of one")
    files = [(disk.file, disk.capacity or 0) for disk in envelope.disks if disk.file]
    if not files:
        raise BadImage(f"{path} describes a machine without a disk in its package")
    found = []
    for file, capacity in files:
        disk = replace(_of_package(source, file), promised=capacity)
        if work.digests and file.href in digests:
            with open_host_file(disk.host_path) as opened:
                check_stretch(opened, 0, opened.size, digests[file.href], str(disk.host_path))
        found.append(disk)
    return tuple(found)


def _of_package(source: DiskSource, file: OvfFile) -> DiskSource:
    name = source.name
    require_plain(file.href, name)
    if file.is_chunked:
        raise BadImage(
            f"{name}: {shorten(file.href)} comes in several pieces, which are not read", hint="join them"
        )
    disk = _beside(source, file.href, "disk")
    size = disk.host_path.stat().st_size
    if file.size not in (None, size):
        raise BadImage(
            f"{disk.host_path} has {size} bytes, and the descriptor says {file.size}",
            hint="copy the package again from where it is whole",
        )
    return disk


# -- files beside each other -----------------------------------------------------------------------------------


def _beside(source: DiskSource, name: str, what: str) -> DiskSource:
    """Return a file that another one names in its own folder.

    :raises UntrustedBacking: it lies elsewhere.
    :raises BadImage: there is none.
    """
    folder = source.host_path.absolute().parent
    path = folder / name
    if "\0" in name or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UntrustedBacking(
            f"{source.name} names {shorten(name)!r} as its {what}, outside its folder",
            hint="name the disk itself",
        )
    if not path.is_file():
        raise BadImage(f"{source.name} names {shorten(name)!r} as its {what}, which is missing")
    return replace(source, host_path=source.host_path.parent / name)


def _text(path: Path, most: int) -> bytes:
    with open_host_file(path) as file:
        return _all(file, most)


def _all(file: HostFile, most: int) -> bytes:
    if file.size > most:
        raise HostError(f"{file.name} has {file.size} bytes, more than such a text has")
    return file.read(0, file.size)
