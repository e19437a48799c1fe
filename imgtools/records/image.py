"""Disk images on the host: what is opened, its chain of backing files, its internal snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.records.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class DiskSource:
    """One disk of the guest, as the user named it. Several make one guest: /dev/sda, /dev/sdb ..."""

    host_path: Path
    format: str | None = None  # None: probe; a raw image is only raw if nothing else is found
    snapshot: str | None = None  # internal snapshot, by id or name
    folders: tuple[Path, ...] = ()  # whose files it may name, beside those of its own folder


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a backing chain."""

    host_path: Path
    format: str
    virtual_size: int
    actual_size: int
    extents: tuple[Path, ...] = ()  # further files that this layer names: qcow2 data file, vmdk extents
    encryption: str = ""  # "", "luks", "aes"
    # Device and inode of its files when their names were judged; nothing for readers of a report.
    judged: tuple[tuple[Path, int, int], ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the host knows of one disk image without looking at its contents."""

    source: DiskSource
    format: str
    virtual_size: int
    actual_size: int
    chain: tuple[Layer, ...]  # the image itself first, its base last
    snapshots: tuple[Snapshot, ...] = ()
    encryption: str = ""  # "", "luks", "aes"
    dirty: bool = False
    details: tuple[tuple[str, str], ...] = ()  # format-specific facts, in qemu-img's words
    warnings: tuple[Warned, ...] = ()
