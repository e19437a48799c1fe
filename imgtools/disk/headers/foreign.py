"""Files that are no image of any format that QEMU reads, told by their first bytes: what they are, and what helps.

A guest that writes such bytes to the start of a raw disk makes it look like one; who says ``--format raw`` reads it.

Sources: the formats' own documents, and file(1), whose list of magic numbers has all of them.
"""

from __future__ import annotations

from imgtools.disk.headers.hostfile import HostFile

# Commands that only read look into these (disk/sources/), but not where the name says that it is a raw disk.
CONVERT = "imgtools convert makes an image file of it, if its name is not that of a raw disk"
_UNPACK = "it first"
_START = (
    # compressors and archives
    (b"\x1f\x8b\x08", "is packed with gzip", f"gunzip {_UNPACK}"),
    (b"\xfd7zXZ\0", "is packed with xz", f"unxz {_UNPACK}"),
    (b"BZh", "is packed with bzip2", f"bunzip2 {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", f"unzstd {_UNPACK}"),
    (b"\x04\x22\x4d\x18", "is packed with lz4", f"unlz4 {_UNPACK}"),
    (b"LZIP\x01", "is packed with lzip", f"lzip -d {_UNPACK}"),
    (b"PK\x03\x04", "is packed with zip", f"unzip {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", "is packed with 7z", f"unpack {_UNPACK}"),
    (b"Rar!\x1a\x07", "is packed with rar", f"unpack {_UNPACK}"),
    # images of disks that other programs make
    (b"EVF\x09\x0d\x0a\xff\0", "is an Expert Witness image (EWF, E01)", "ewfexport makes a raw image of it"),
    (b"EVF2\x0d\x0a\x81\0", "is an Expert Witness image (EWF2, Ex01)", "ewfexport makes a raw image of it"),
    (b"LVF\x09\x0d\x0a\xff\0", "is an Expert Witness archive of files (L01)", "it holds files, no disk"),
    (b"LEF2\x0d\x0a\x81\0", "is an Expert Witness archive of files (Lx01)", "it holds files, no disk"),
    (b"AFF10\x0d\x0a\0", "is an AFF image", "affconvert -r makes a raw image of it"),
    (b"\x3a\xff\x26\xed", "is an Android sparse image", "simg2img makes a raw image of it"),
    (b"partclone-image", "is an image of partclone", "partclone.restore makes a raw volume of it"),
    (b"\0ntfsclone-image", "is an image of ntfsclone", "ntfsclone --restore-image makes a raw volume of it"),
    (b"MSWIM\0\0\0", "is a Windows image (WIM): files, no disk", "wimapply unpacks it into a volume"),
    (b"VMA\0\0\0\0\x01", "is a backup of Proxmox (VMA)", "vma extract makes the disks that are in it"),
    (b"sprs\0\0\0\x03", "is an Apple sparse image", "hdiutil convert makes another format of it"),
    (b"OOOM", "is a copy-on-write file of User Mode Linux", "uml_moo merges it with its base"),
)
_TAR = b"ustar"  # at byte 257 (POSIX.1, ustar Interchange Format)


def foreign_format(file: HostFile) -> tuple[str, str] | None:
    """Return what a file is that QEMU cannot read, and what helps, as two halves of a message; None: nothing known."""
    start = file.read(0, 512)
    if start[257:262] == _TAR:
        return "is packed with tar (OVA?)", f"unpack it, then give the disk that is in it; {CONVERT}"
    return next(((name, cure) for magic, name, cure in _START if start.startswith(magic)), None)
