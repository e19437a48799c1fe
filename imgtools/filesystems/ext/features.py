"""Which ext filesystems the direct engine writes to, and whether one is in order: before and after."""

from __future__ import annotations

import struct
import sys

from imgtools.filesystems.ext.reader import SUPERBLOCK, parse_superblock
from imgtools.records.disks import Declined
from imgtools.volumes.volume_file import DiskFile

# Features that the library and this writer handle (fs/ext4/ext4.h). What is not here is declined.
COMPATIBLE = {
    *(0x1, 0x2, 0x4, 0x8, 0x10, 0x20),  # dir_prealloc imagic has_journal ext_attr resize_inode dir_index
    *(0x200, 0x400, 0x800, 0x1000),  # sparse_super2 fast_commit stable_inodes orphan_file
}
INCOMPATIBLE = {
    0x2,
    0x10,
    0x40,
    0x80,
    0x200,
    0x2000,
    0x4000,
}  # filetype meta_bg extents 64bit flex_bg csum_seed largedir
RO_COMPATIBLE = {
    *(0x1, 0x2, 0x8, 0x10, 0x20, 0x40),  # sparse_super large_file huge_file gdt_csum dir_nlink extra_isize
    0x400,  # metadata_csum
}
FEATURE_NAMES = {
    ("incompatible", 0x100): "multiple mount protection",
    ("incompatible", 0x400): "attributes in inodes of their own (ea_inode)",
    ("incompatible", 0x8000): "files inside their inodes (inline_data)",
    ("ro_compatible", 0x100): "quota",
    ("ro_compatible", 0x200): "bigalloc",
    ("ro_compatible", 0x1000): "read-only",
    ("ro_compatible", 0x2000): "project quota",
    ("ro_compatible", 0x4000): "shared blocks",
    ("ro_compatible", 0x8000): "verity",
    ("ro_compatible", 0x10000): "orphans that wait to be removed",
}
VALID, ERRORS = 1, 2  # s_state
LAST_ORPHAN = 232  # offset of s_last_orphan in the superblock


def refuse_ext(disk: DiskFile) -> Declined | None:
    """Say why this writer leaves a filesystem to the appliance; None if it does not."""
    raw = disk.read_at(SUPERBLOCK, 1024)
    found = parse_superblock(raw)
    if isinstance(found, str):
        return Declined(disk.name, found)
    if sys.byteorder != "little":
        return Declined(disk.name, "ext is written here on little-endian hosts only")
    if found.state & ERRORS or not found.state & VALID:
        return Declined(disk.name, "the filesystem was not cleanly unmounted, or has errors")
    if struct.unpack_from("<I", raw, LAST_ORPHAN)[0]:
        return Declined(disk.name, "removed files wait for the next mount (orphans)")
    known = {"compatible": COMPATIBLE, "incompatible": INCOMPATIBLE, "ro_compatible": RO_COMPATIBLE}
    for field, bits in known.items():
        for bit in (1 << number for number in range(32)):
            if getattr(found, field) & bit and bit not in bits:
                what = FEATURE_NAMES.get((field, bit), f"{field} feature {bit:#x}")
                return Declined(disk.name, f"not written here: {what}")
    return None
