"""BitLocker volumes, opened with a password or a recovery password by libbde; nothing boots, nothing is written."""

from __future__ import annotations

import re

import pybde

from imgtools.errors import BadImage, KeyNeeded
from imgtools.records.request import Secret
from imgtools.volumes.volume_file import DiskFile

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
    hint = f"give its password or recovery password with --key {file.name}:file:PATH"
    try:
        word = key.reveal().decode()
    except UnicodeDecodeError:
        raise KeyNeeded(f"the key given for {file.name} is not text", hint=hint) from None
    volume = pybde.volume()
    try:
        volume.open_file_object(file)
    except OSError as error:
        raise BadImage(f"{file.name}: not read by libbde: {_fact(error)}") from None
    try:
        set_key = volume.set_recovery_password if RECOVERY.fullmatch(word) else volume.set_password
        set_key(word)
        is_open = volume.unlock()
    except OSError:  # it has no recovery password, or this is none
        is_open = False
    if not is_open:
        raise KeyNeeded(f"{file.name} is encrypted and the key does not open it", hint=hint)
    return BitLockerDisk(volume, file)


def _fact(error: OSError) -> str:
    """The last of libbde's sentences: what really happened."""
    return str(error).strip().rstrip(".").rpartition(": ")[2]
