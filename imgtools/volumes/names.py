"""The names that one volume goes by: its device, what it carries itself, and what udev and LVM make of both."""

from __future__ import annotations

import re

from imgtools.records.disks import Volume

# Folders of links that udev makes (udev/rules.d/60-persistent-storage.rules), and the tag that each is named after.
BY_TAG = (
    ("/dev/disk/by-uuid/", "UUID"),
    ("/dev/disk/by-label/", "LABEL"),
    ("/dev/disk/by-partuuid/", "PARTUUID"),
    ("/dev/disk/by-partlabel/", "PARTLABEL"),
)
# Folders of /dev that are no volume groups.
NO_GROUPS = frozenset({"mapper", "disk", "md", "block"})


def is_called(volume: Volume, name: str) -> bool:
    """Whether a person may mean ``volume`` by ``name``: a device, a UUID, a label, as fstab or udev spell them.

    Logical volumes are ``/dev/VG/LV`` and ``/dev/mapper/VG-LV``. Letter case counts, except in UUIDs.
    """
    tag, value = _tagged(name)
    exact = {"LABEL": {volume.label}, "PARTLABEL": {volume.part_label}}
    folded = {"UUID": {volume.uuid.casefold()}, "PARTUUID": {volume.part_uuid.casefold()}}
    if tag:
        return value in exact.get(tag, set()) - {""} or value.casefold() in folded.get(tag, set()) - {""}
    names = {volume.device, mapped_device(volume.device)}.union(*exact.values()) - {""}
    return name in names or name.casefold() in set[str]().union(*folded.values()) - {""}


def _tagged(name: str) -> tuple[str, str]:
    """Split ``UUID=x``, ``/dev/disk/by-uuid/x`` and the like into tag and value; no tag: it is another name."""
    for folder, tag in BY_TAG:
        if name.startswith(folder):
            return tag, unescape_udev(name.removeprefix(folder))
        if name.upper().startswith(f"{tag}="):
            return tag, name[len(tag) + 1 :].strip('"')
    return "", name


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
