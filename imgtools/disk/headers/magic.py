"""How the formats' files begin or end: enough to tell them apart, and all that is read of a format for that."""

from __future__ import annotations

import re

from imgtools.disk.headers.hostfile import HostFile

QCOW_MAGIC = b"QFI\xfb"  # and a big-endian version: 1 is the old format
QED_MAGIC = b"QED\0"
SPARSE_MAGIC, COWD_MAGIC = b"KDMV", b"COWD"  # of vmdk
SESPARSE_MAGIC = 0xCAFEBABE.to_bytes(8, "little")
SESPARSE_START = SESPARSE_MAGIC + 0x200000001.to_bytes(8, "little")  # with its version, 2.1
VHD_MAGIC, VHDX_MAGIC = b"conectix", b"vhdxfile"
VHD_FOOTER = 512  # bytes, of which a copy may stand at the start
VDI_SIGNATURE = 0xBEDA107F.to_bytes(4, "little")  # at byte 64
PARALLELS_MAGICS = (b"WithoutFreeSpace", b"WithouFreSpacExt")
LUKS1_MAGIC = b"LUKS\xba\xbe\0\x01"
BOCHS_MAGIC = b"Bochs Virtual HD Image"
CLOOP_MAGIC = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop"
DMG_TRAILER = b"koly"  # 512 bytes before the end

# A vmdk descriptor without its first comment, as vmdk_probe in block/vmdk.c of QEMU takes it.
_VMDK_VERSION = rb"(?:#[^\n]*\n| *\r?\n)*version=[123]\r?\n"
_STARTS = (
    (QED_MAGIC, "qed"),
    (SPARSE_MAGIC, "vmdk"),
    (COWD_MAGIC, "vmdk"),
    (SESPARSE_START, "vmdk"),
    (VHDX_MAGIC, "vhdx"),
    (LUKS1_MAGIC, "luks"),
    (BOCHS_MAGIC, "bochs"),
    (CLOOP_MAGIC, "cloop"),
    *((magic, "parallels") for magic in PARALLELS_MAGICS),
)


def probe(file: HostFile) -> str:
    """Return the format that the bytes show; ``raw`` if they show none.

    A magic number is enough: a file that has it and is damaged behind it is a damaged image, not a raw disk.

    A guest writes its raw disk's first bytes, so whoever trusts the answer further than to read the file must
    not let it choose another file: :func:`imgtools.disk.backing.examine` sees to that.
    """
    start = file.read(0, 2048)
    if start.startswith(QCOW_MAGIC):
        return "qcow" if start[4:8] == b"\0\0\0\x01" else "qcow2"
    for magic, name in _STARTS:
        if start.startswith(magic):
            return name
    if start[64:68] == VDI_SIGNATURE:
        return "vdi"
    if _is_vmdk_descriptor(start):
        return "vmdk"
    if _is_vhd(file):
        return "vpc"
    return "dmg" if file.read(file.size - 512, 4) == DMG_TRAILER else "raw"


def _is_vmdk_descriptor(start: bytes) -> bool:
    return start[:21].lower() == b"# disk descriptorfile" or re.match(_VMDK_VERSION, start) is not None


def _is_vhd(file: HostFile) -> bool:
    """Whether a file begins or ends as a VHD does, be it damaged or not."""
    return any(file.read(offset, len(VHD_MAGIC)) == VHD_MAGIC for offset in (0, file.size - VHD_FOOTER))
