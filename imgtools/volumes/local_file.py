"""A file of the host as a served disk, for readers of filesystems that are being written."""

from __future__ import annotations

import os
from pathlib import Path


class LocalDisk:
    """Implements :class:`imgtools.engine.api.DiskServer` over a host file. Nothing is kept: it may be changing."""

    socket = ""
    warning = ""

    def __init__(self, host_path: Path) -> None:
        self.host_path = host_path
        self.size = host_path.stat().st_size

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at ``offset``; fewer only at the end."""
        descriptor = os.open(self.host_path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return read_at(descriptor, offset, length)
        finally:
            os.close(descriptor)


def read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Return ``length`` bytes at ``offset`` of a file; fewer only at its end, however few one read(2) gives."""
    content = os.pread(descriptor, length, offset)
    while len(content) < length and (
        more := os.pread(descriptor, length - len(content), offset + len(content))
    ):
        content += more
    return content
