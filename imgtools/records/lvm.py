"""LVM: physical volumes, volume groups, logical volumes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhysicalVolume:
    """An LVM physical volume. UUIDs are in LVM's spelling, with dashes."""

    device: str
    uuid: str
    size: int
    vg: str = ""


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """An LVM volume group."""

    name: str
    uuid: str
    size: int
    free: int
    extent_size: int


@dataclass(frozen=True, slots=True)
class LogicalVolume:
    """An LVM logical volume."""

    device: str  # /dev/VG/LV
    name: str
    vg: str
    uuid: str
    size: int
    kind: str = "linear"  # linear, striped, raid1, thin-pool, thin, cache, snapshot ...
