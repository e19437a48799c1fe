"""btrfs: its trees are read by our own code, its compressed extents are unpacked by libraries in a worker."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.engine.confined.worker import Worker
from imgtools.errors import OddGuest, ToolMissing
from imgtools.filesystems.btrfs import compression
from imgtools.filesystems.btrfs.reader import Btrfs, open_btrfs
from imgtools.records.disks import Declined
from imgtools.volumes.volume_file import DiskFile

LIBRARIES = ("zlib", "backports.zstd", "compression.zstd", "lzallright")


def open_filesystem(devices: Sequence[DiskFile]) -> Btrfs | Declined:
    """Open the btrfs on these devices, or say why this reader leaves it to others.

    :raises ToolMissing: the library for its checksums is not installed.
    """
    try:
        return open_btrfs(devices, Unpacker(devices[0].name))
    except ImportError as error:
        raise _missing(error) from None


def _missing(error: ImportError) -> ToolMissing:
    name = (error.name or str(error)).partition(".")[0].replace("_", "-")
    return ToolMissing(f"{name} is not installed, which btrfs needs", hint="pip install imgtools brings it")


class Unpacker:
    """Unpacks extents in a worker, which is started for the first of them.

    :param about: the volume, for errors.
    """

    def __init__(self, about: str) -> None:
        self._about = about
        self._worker: Worker | None = None

    def __call__(self, kind: int, packed: bytes, size: int, sector: int) -> bytes:
        """Return what is in an extent.

        :raises OddGuest: it is damaged.
        :raises BadImage: the library crashed on it.
        :raises ToolMissing: the library for it is not installed.
        """
        if self._worker is None:
            self._worker = Worker("a decompressor", self._about, _Service, imports=LIBRARIES)
        try:
            found = bytes(self._worker.ask("unpack", kind, packed, size, sector))
        except ImportError as error:
            raise _missing(error) from None
        if len(found) != size:
            raise OddGuest(f"a decompressor gives {len(found)} bytes of {size}")
        return found


class _Service:
    """Answers in plain values."""

    def unpack(self, kind: int, packed: bytes, size: int, sector: int) -> bytes:
        return compression.unpack(kind, packed, size, sector)
