"""Reads the header of an encrypted volume, whichever version it is."""

from __future__ import annotations

from imgtools.records.disks import Declined
from imgtools.volumes.luks.header import MAGIC, LuksHeader
from imgtools.volumes.luks.luks1 import read_luks1
from imgtools.volumes.luks.metadata import read_luks2
from imgtools.volumes.volume_file import DiskFile


def read_header(file: DiskFile, *, detached: bool = False) -> LuksHeader | Declined:
    """Return what the header says, or why it is not read here.

    :param detached: the header is not on the device of the data.
    :raises BadImage: it is damaged.
    """
    start = file.read_at(0, 8)
    if start == MAGIC + b"\0\1":
        return read_luks1(file, detached=detached)
    if start.startswith(MAGIC) and start[6:8] not in (b"\0\2", b""):
        version = int.from_bytes(start[6:8], "big")
        return Declined(file.name, f"LUKS of version {version} is not known here")
    return read_luks2(file, detached=detached)
