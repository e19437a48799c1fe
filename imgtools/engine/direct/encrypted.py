"""Encrypted volumes of one image, opened without booting: LUKS1, LUKS2 and BitLocker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgtools.engine.keys import asks_clevis, is_text, keys_for_volume
from imgtools.errors import HostError, KeyNeeded
from imgtools.records.disks import ENCRYPTED, Declined, Volume
from imgtools.records.request import Key, Secret
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.names import is_called
from imgtools.volumes.volume_file import DiskFile, DiskServer

if TYPE_CHECKING:
    from imgtools.volumes.luks.header import LuksHeader


class Opened(NamedTuple):
    """What an encrypted volume holds: ``device`` is its name when it is open."""

    device: str
    server: DiskServer


def header_elsewhere(
    volume: Volume, keys: Sequence[Key], known: Sequence[tuple[Volume, DiskFile]]
) -> DiskFile | None:
    """Return the header that was given for a volume, in a file or on another one of ``known``; None: none was.

    :raises HostError: its file cannot be read.
    """
    if volume.content not in ("", "crypto_LUKS"):
        return None
    for header in dict.fromkeys(
        one for key in keys for one in key.headers if is_called(volume, one.selector)
    ):
        if header.host_path is not None:
            return _host_file(header.host_path)
        for other, file in known:
            if is_called(other, header.device):
                return file
    return None


def _host_file(host_path: Path) -> DiskFile:
    try:
        return DiskFile.whole(LocalDisk(host_path), str(host_path))
    except OSError as error:
        raise HostError(f"cannot read the header {host_path}: {error.strerror}") from None


def with_header(volume: Volume, header: DiskFile) -> Volume:
    """Return a volume as what its header says that it is.

    :raises BadImage: the header is damaged, or none.
    """
    from imgtools.volumes.luks.reader import read_header

    found = read_header(header, detached=True)
    if isinstance(found, Declined):
        return replace(volume, content="crypto_LUKS")
    return replace(volume, content="crypto_LUKS", uuid=found.uuid, version=str(found.version))


def open_encrypted(
    volume: Volume,
    file: DiskFile,
    keys: Sequence[Key],
    stack: ExitStack,
    header: DiskFile | None = None,
    asked: list[Key] | None = None,
) -> Opened | Declined | None:
    """Open a volume with the keys that were given for it, or say why it is not opened here.

    None: it is not encrypted, or no key was given for it.

    :param stack: closes what is opened.
    :param header: of a LUKS volume, where it is not on it.
    :param asked: gets the keys that servers give.
    :raises KeyNeeded: none of its keys opens it.
    :raises KeyOutOfReach: it is to be asked for, and nobody gives it.
    :raises BadImage: its header is damaged.
    """
    secrets = keys_for_volume(volume, keys) if volume.content in ENCRYPTED else ()
    clevis = volume.content == "crypto_LUKS" and asks_clevis(volume, keys)
    if not secrets and not clevis:
        return None
    if volume.content == "BitLocker":
        return _open_bitlocker(file, secrets)
    found = _read_luks(file, header)
    if clevis and not isinstance(found, Declined):
        from imgtools.engine.clevis import ask_clevis

        secrets = (*secrets, given := ask_clevis(found, volume.device))
        if asked is not None:
            asked.append(Key(volume.device, given))
    return _open_luks(volume, file, secrets, stack, header, found)


def _open_bitlocker(file: DiskFile, secrets: Sequence[Secret]) -> Opened | Declined:
    from imgtools.engine.confined.bitlocker import open_bitlocker

    try:
        server = first_that_opens(lambda secret: open_bitlocker(file, secret), secrets)
    except ImportError:
        return Declined(file.name, "libbde-python is not installed")
    return Opened(f"/dev/mapper/bitlk-{file.name.rpartition('/')[2]}", server)


def _read_luks(file: DiskFile, elsewhere: DiskFile | None) -> LuksHeader | Declined:
    from imgtools.volumes.luks.reader import read_header

    return read_header(elsewhere or file, detached=elsewhere is not None)


def _open_luks(
    volume: Volume,
    file: DiskFile,
    secrets: Sequence[Secret],
    stack: ExitStack,
    elsewhere: DiskFile | None,
    header: LuksHeader | Declined,
) -> Opened | Declined:
    from imgtools.volumes.luks.disk import LuksDisk, why_not  # late: most disks have none

    if isinstance(header, Declined):
        return header
    device = f"/dev/mapper/luks-{volume.uuid}"
    if declined := why_not(header, file):
        is_served = len(file.extents) == 1 and bool(file.extents[0].server.socket)
        if header.version == 1 and elsewhere is None and is_served and all(map(is_text, secrets)):
            return Opened(device, _by_qemu(file, secrets, stack))  # it knows more ciphers
        return declined
    from imgtools.engine.confined.luks import derive_key

    key = derive_key(header, elsewhere or file, secrets, volume.device)
    return Opened(device, LuksDisk(file, header.segment, key))


def _by_qemu(file: DiskFile, secrets: Sequence[Secret], stack: ExitStack) -> DiskServer:
    from imgtools.engine.qemu.block import serve_luks

    return first_that_opens(
        lambda secret: stack.enter_context(serve_luks(file.extents[0], file.name, secret)), secrets
    )


def first_that_opens(open_with: Callable[[Secret], DiskServer], secrets: Sequence[Secret]) -> DiskServer:
    """Return what the first of the keys opens that fits.

    :raises KeyNeeded: none does.
    """
    *earlier, last = secrets
    for secret in earlier:
        try:
            return open_with(secret)
        except KeyNeeded:
            continue
    return open_with(last)
