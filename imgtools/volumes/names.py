"""The names that one volume goes by: its device, what it carries itself, and what udev and LVM make of both."""

from __future__ import annotations

import re

from imgtools.records.disks import Partition, Volume

# Folders of links that udev makes (udev/rules.d/60-persistent-storage.rules), and the tag that each is named after.
BY_TAG = (
    ("/dev/disk/by-uuid/", "UUID"),
    ("/dev/disk/by-label/", "LABEL"),
    ("/dev/disk/by-partuuid/", "PARTUUID"),
    ("/dev/disk/by-partlabel/", "PARTLABEL"),
)
# Folders of /dev that are no volume groups.
NO_GROUPS = frozenset({"mapper", "disk", "md", "block"})

_NUMBERED = r"/dev/(?:nvme(?P<nvme>\d+)(?:c\d+)?n\d+|mmcblk(?P<mmc>\d+))(?:p(?P<part>\d+))?$"
_ARRAY = r"/dev/(?:cciss|ida|rd)/c(?P<ctrl>\d+)d(?P<disk>\d+)(?:p(?P<part>\d+))?$"
_LETTERS = r"/dev/(?P<kind>sd|hd|vd|xvd|ubd)(?P<letters>[a-z]{1,3})(?P<part>\d*)$"
_BY_PATH = r"/dev/disk/by-(?:id|path)/(?P<disk>.+?)(?:-part(?P<part>\d+))?$"


def is_called(volume: Volume, name: str) -> bool:
    """Whether a person may mean ``volume`` by ``name``: a device, a UUID, a label, as fstab or udev spell them.

    Logical volumes are ``/dev/VG/LV`` and ``/dev/mapper/VG-LV``, arrays ``/dev/md/NAME``. Letter case counts, except in
    UUIDs. The disks go by the names that they have on other buses, too: see :func:`own_device`.
    """
    tag, value = _tagged(name)
    exact = {"LABEL": {volume.label}, "PARTLABEL": {volume.part_label}}
    folded = {"UUID": {volume.uuid.casefold()}, "PARTUUID": {volume.part_uuid.casefold()}}
    if tag:
        return value in exact.get(tag, set()) - {""} or value.casefold() in folded.get(tag, set()) - {""}
    names = {volume.device, mapped_device(volume.device)}.union(*exact.values()) - {""}
    if volume.array_name:
        names.add(f"/dev/md/{volume.array_name}")
    return (
        name in names
        or own_device(name) in names
        or name.casefold() in set[str]().union(*folded.values()) - {""}
    )


def is_named(partition: Partition, name: str) -> bool:
    """Whether a person may mean a partition by ``name``: its device on any bus, or its id or name in a GPT."""
    tag, value = _tagged(name)
    if tag == "PARTUUID":
        return value.casefold() == partition.id.casefold() != ""
    if tag == "PARTLABEL":
        return value == partition.name != ""
    return own_device(name) == partition.device


def own_device(name: str) -> str:
    """Return what a disk or partition is called here, whatever bus it was on when it got its name.

    The first disk is /dev/sda, /dev/vda, /dev/hda, /dev/xvda, /dev/nvme0n1, /dev/mmcblk0; ``vda1`` is short for
    /dev/vda1. Of /dev/disk/by-id, what device-mapper is told by its name. Every other name stays as it is.
    """
    if name.startswith("/dev/disk/by-id/dm-name-"):
        return f"/dev/mapper/{name.removeprefix('/dev/disk/by-id/dm-name-')}"
    disk, number = split_disk(name if name.startswith("/dev/") else f"/dev/{name}")
    index = disk_index(disk) if disk else None
    return name if index is None else disk_device(index) + ("" if number is None else str(number))


def _tagged(name: str) -> tuple[str, str]:
    """Split ``UUID=x``, ``/dev/disk/by-uuid/x`` and the like into tag and value; no tag: it is another name."""
    for folder, tag in BY_TAG:
        if name.startswith(folder):
            return tag, unescape_udev(name.removeprefix(folder))
        if name.upper().startswith(f"{tag}="):
            return tag, name[len(tag) + 1 :].strip('"')
    return "", name


def array_name(said: str, number: int | None = None) -> str:
    """Return what mdadm calls an array, or a partition of it, below /dev/md; empty: it has no name.

    :param said: the name in its superblock: ``host:data`` or ``data``.
    :param number: of the partition (udev-md-raid-arrays.rules: ``data1``, ``boot1p1``).
    """
    name = said.rpartition(":")[2]
    if number is None or not name:
        return name
    return f"{name}p{number}" if name[-1].isdigit() else f"{name}{number}"


def mapped_device(device: str) -> str:
    """Return the name below /dev/mapper of a logical volume, ``/dev/VG/LV``; empty: it is none."""
    match = re.fullmatch(r"/dev/([^/]+)/([^/]+)", device)
    if match is None or match[1] in NO_GROUPS:
        return ""
    return f"/dev/mapper/{mapper_name(match[1], match[2])}"


def mapper_name(vg: str, lv: str) -> str:
    """Return the device-mapper name of an LV: dashes within names are doubled (libdm, dm_build_dm_name)."""
    return f"{vg.replace('-', '--')}-{lv.replace('-', '--')}"


def device_order(device: str) -> tuple[tuple[int, str], ...]:
    """By which devices are in the order of the disks and their partitions: /dev/sda2, /dev/sda11, /dev/sdb."""
    return tuple(
        (int(word) if word.isdigit() else len(word), word) for word in re.findall(r"\d+|\D+", device)
    )


def unescape_udev(name: str) -> str:
    r"""Resolve udev's escapes in names below /dev/disk: ``\x20`` is a space."""
    raw = re.sub(
        rb"\\x([0-9a-fA-F]{2})",
        lambda match: bytes([int(match[1], 16)]),
        name.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")


# -- names that disks get by the order in which they are found ---------------------------------------------


def is_by_order(spec: str) -> bool:
    """Whether a guest's name is one that a disk gets by the order in which it is found: sda, vdb1, nvme0n1p2."""
    return re.match(_LETTERS, spec) is not None or re.match(_NUMBERED, spec) is not None


def disk_device(index: int) -> str:
    """The name of the nth disk, counted from 0: /dev/sda ... /dev/sdz, /dev/sdaa ..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return f"/dev/sd{letters}"


def split_disk(spec: str) -> tuple[str, int | None]:
    """Split the name of a partition into its disk's name and its number; ("", None) if it is neither."""
    if match := re.match(_LETTERS, spec):
        return f"/dev/{match['kind']}{match['letters']}", number_of(match["part"])
    if match := re.match(_NUMBERED, spec) or re.match(_ARRAY, spec):
        part = match["part"]
        return spec.removesuffix(f"p{part}") if part else spec, number_of(part)
    if match := re.match(_BY_PATH, spec):
        part = match["part"]
        return spec.removesuffix(f"-part{part}") if part else spec, number_of(part)
    return "", None


def number_of(digits: str | None) -> int | None:
    """Return a partition's number; None for a whole disk."""
    return int(digits) if digits and len(digits) < 6 else None


def disk_index(name: str) -> int | None:
    """Return which disk of the guest a whole disk's name means, counted from 0; None if it does not tell."""
    if match := re.match(_LETTERS, name):
        index = 0
        for letter in match["letters"]:
            index = index * 26 + ord(letter) - ord("a") + 1
        return index - 1
    if match := re.match(_NUMBERED, name):
        return number_of(match["nvme"] or match["mmc"])
    if match := re.match(_ARRAY, name):
        return number_of(match["disk"])
    return None
