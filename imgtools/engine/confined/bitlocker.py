"""BitLocker volumes, decrypted by libbde in a worker."""

from __future__ import annotations

from imgtools.engine.confined.disk import RemoteDisk, again
from imgtools.engine.confined.worker import Worker
from imgtools.records.request import Secret
from imgtools.volumes.volume_file import DiskFile, DiskServer


def open_bitlocker(file: DiskFile, key: Secret) -> RemoteDisk:
    """Open a BitLocker volume.

    :raises KeyNeeded: the key does not open it.
    :raises BadImage: its metadata is damaged, or libbde crashed on it.
    :raises ImportError: libbde is not installed.
    """
    with again(file) as way:
        worker = Worker(
            "libbde",
            file.name,
            lambda: _Service(way.open(), key),
            descriptors=way.descriptors,
            reads=way.reads,
            imports=("imgtools.volumes.bitlocker",),
        )
    return RemoteDisk(worker, int(worker.ask("size")))


class _Service:
    """Answers in plain values."""

    def __init__(self, file: DiskFile, key: Secret) -> None:
        from imgtools.volumes import bitlocker

        self._disk: DiskServer = bitlocker.open_bitlocker(file, key)

    def size(self) -> int:
        return self._disk.size

    def read(self, offset: int, length: int) -> bytes:
        return self._disk.read(offset, length)
