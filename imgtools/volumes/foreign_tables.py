"""Partition tables of other machines, told by their marks. Their partitions are not read.

Sources: struct sun_disklabel, bsd_disklabel, dasd volume labels, SGI, Apple, Amiga and AIX in util-linux,
libblkid/src/partitions.
"""

from __future__ import annotations

from array import array

from imgtools.volumes.volume_file import DiskFile

SECTOR = 512
BSD = b"\x57\x45\x56\x82"  # DISKMAGIC 0x82564557, at the start of the label and 132 bytes on
BSD_PLACES = (SECTOR, 64)  # of the label, in bytes of the disk: PCs, and Alpha
DASD = (b"\xe5\xd6\xd3\xf1", b"\xd3\xd5\xe7\xf1", b"\xc3\xd4\xe2\xf1")  # VOL1, LNX1 and CMS1 in EBCDIC
DASD_PLACES = (8192, 4096, 2048, 1024)  # the third block, of 4096 bytes as a rule
AMIGA_SECTORS = 16  # a block "RDSK" is in one of them


def foreign_table(disk: DiskFile) -> str:
    """Return whose partition table a disk has that has neither an MBR nor a GPT, in blkid's word, or nothing."""
    start = disk.read_at(0, DASD_PLACES[0] + SECTOR)
    if start[508:510] == b"\xda\xbe" and _sums_to_zero(start[:SECTOR]):
        return "sun"
    if any(start[at : at + 4] == BSD == start[at + 132 : at + 136] for at in BSD_PLACES):
        return "bsd"
    if any(start[at : at + 4] in DASD for at in DASD_PLACES):
        return "dasd"
    if start[:4] == b"\x0b\xe5\xa9\x41":
        return "sgi"
    if start[:2] == b"ER" and start[SECTOR : SECTOR + 2] == b"PM":
        return "mac"
    if start[:4] == b"\xc9\xc2\xd4\xc1":
        return "aix"
    if any(start[number * SECTOR :].startswith(b"RDSK") for number in range(AMIGA_SECTORS)):
        return "amiga"
    return ""


def _sums_to_zero(sector: bytes) -> bool:
    """Whether the 16-bit words of a sector come to zero by exclusive or."""
    total = 0
    for word in array("H", sector):
        total ^= word
    return total == 0
