"""A guest's configuration files through Augeas: fetched by the reader, parsed on the host, with one lens."""

from __future__ import annotations

from imgtools.engine.augeas_files import ConfigFile, lens_of
from imgtools.files.tree import GuestReader

LIMIT = 8 << 20  # bytes; a lens takes seconds for a megabyte

__all__ = ["ConfigFile", "lens_of", "open_config"]


def open_config(files: GuestReader, path: str, lens: str = "") -> ConfigFile:
    """Parse a file of the guest.

    :raises OddGuest: it does not parse; the message has file, line and reason.
    :raises UsageError: there is no such lens, or none for this path.
    """
    return ConfigFile(path, files.read_bytes(path, limit=LIMIT), lens)
