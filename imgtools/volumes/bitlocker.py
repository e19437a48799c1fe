"""BitLocker volumes, opened by libbde with a password, a recovery password or a start-up key; nothing is written."""

from __future__ import annotations

import os
import re
import struct

import pybde

from imgtools.errors import BadImage, KeyNeeded
from imgtools.records.request import Secret
from imgtools.volumes.volume_file import DiskFile

LARGEST_STARTUP_KEY = 4096  # bytes; Windows' have 156
RECOVERY = re.compile(r"\d{6}(-\d{6}){7}")


class BitLockerDisk:
    """What a BitLocker volume holds; implements :class:`imgtools.engine.api.DiskServer`, but serves nobody else.

    It is as large as the volume, as for the kernel; where BitLocker keeps its own data, it reads zeros.
    """

    def __init__(self, volume: pybde.volume, file: DiskFile) -> None:
        self._volume = volume
        self._file = file  # libbde reads through it
        self._readable = min(volume.get_size(), file.size)

    @property
    def socket(self) -> str:
        return ""

    @property
    def warning(self) -> str:
        return ""

    @property
    def size(self) -> int:
        return self._file.size

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        inside = max(0, min(length, self._readable - offset))
        try:
            content = self._volume.read_buffer_at_offset(inside, offset) if inside else b""
        except OSError as error:
            raise BadImage(f"{self._file.name}: {_fact(error)}", hint="the volume is damaged") from None
        return content.ljust(length, b"\0")


def open_bitlocker(file: DiskFile, key: Secret) -> BitLockerDisk:
    """Open a BitLocker volume.

    :raises KeyNeeded: the key does not open it.
    :raises BadImage: its metadata is damaged.
    """
    hint = (
        f"give its password, recovery password or start-up key (a .BEK file) with --key {file.name}:file:PATH"
    )
    startup = key.reveal() if is_startup_key(key.reveal()) else b""
    try:
        word = "" if startup else key.reveal().decode()
    except UnicodeDecodeError:
        raise KeyNeeded(
            f"the key given for {file.name} is neither text nor a start-up key", hint=hint
        ) from None
    volume = pybde.volume()
    is_open = _opens(volume, file, startup)
    if not is_open and startup:  # it is of another volume, or the volume is damaged: without it one can tell
        _opens(volume := pybde.volume(), file, b"")
    try:
        if not startup:
            set_key = volume.set_recovery_password if RECOVERY.fullmatch(word) else volume.set_password
            set_key(word)
        is_open = is_open and volume.unlock()
    except OSError:  # it has no recovery password, or this is none
        is_open = False
    if not is_open:
        raise KeyNeeded(f"{file.name} is encrypted and the key does not open it", hint=hint)
    return BitLockerDisk(volume, file)


def is_startup_key(content: bytes) -> bool:
    """Whether a key is the content of a .BEK file: it begins as BitLocker's metadata do, libbde's section 5.7."""
    return 48 <= len(content) <= LARGEST_STARTUP_KEY and struct.unpack_from("<IIII", content) == (
        len(content),
        1,
        48,
        len(content),
    )


def _opens(volume: pybde.volume, file: DiskFile, startup: bytes) -> bool:
    """Open a volume, and say whether libbde takes the start-up key, which it wants to have before.

    :raises BadImage: it does not open the volume, and was given no key.
    """
    if startup and not _takes_startup_key(volume, startup):
        return False
    try:
        volume.open_file_object(file)
    except OSError as error:
        if startup:
            return False
        raise BadImage(f"{file.name}: not read by libbde: {_fact(error)}") from None
    return True


def _takes_startup_key(volume: pybde.volume, content: bytes) -> bool:
    """Whether libbde takes a start-up key for one. It wants a file with a name; this one is in memory."""
    descriptor = os.memfd_create("imgtools-startup-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        volume.read_startup_key(f"/proc/self/fd/{descriptor}")
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _fact(error: OSError) -> str:
    """The last of libbde's sentences: what really happened."""
    return str(error).strip().rstrip(".").rpartition(": ")[2]
