"""Encrypted volumes of one image, opened without booting: LUKS1, LUKS2 and BitLocker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from imgtools.engine.keys import is_text, keys_for_volume
from imgtools.errors import KeyNeeded
from imgtools.records.disks import ENCRYPTED, Declined, Volume
from imgtools.records.request import Key, Secret
from imgtools.volumes.volume_file import DiskFile, DiskServer


class Opened(NamedTuple):
    """What an encrypted volume holds: ``device`` is its name when it is open."""

    device: str
    server: DiskServer


def open_encrypted(
    volume: Volume, file: DiskFile, keys: Sequence[Key], stack: ExitStack
) -> Opened | Declined | None:
    """Open a volume with the keys that were given for it, or say why it is not opened here.

    None: it is not encrypted, or no key was given for it.

    :param stack: closes what is opened.
    :raises KeyNeeded: none of its keys opens it.
    :raises BadImage: its header is damaged.
    """
    secrets = keys_for_volume(volume, keys) if volume.content in ENCRYPTED else ()
    if not secrets:
        return None
    if volume.content == "BitLocker":
        return _open_bitlocker(file, secrets)
    return _open_luks(volume, file, secrets, stack)


def _open_bitlocker(file: DiskFile, secrets: Sequence[Secret]) -> Opened | Declined:
    from imgtools.engine.confined.bitlocker import open_bitlocker

    try:
        server = first_that_opens(lambda secret: open_bitlocker(file, secret), secrets)
    except ImportError:
        return Declined(file.name, "libbde-python is not installed")
    return Opened(f"/dev/mapper/bitlk-{file.name.rpartition('/')[2]}", server)


def _open_luks(
    volume: Volume, file: DiskFile, secrets: Sequence[Secret], stack: ExitStack
) -> Opened | Declined:
    from imgtools.volumes.luks.disk import LuksDisk, why_not  # late: most disks have none
    from imgtools.volumes.luks.reader import read_header

    header = read_header(file)
    if isinstance(header, Declined):
        return header
    device = f"/dev/mapper/luks-{volume.uuid}"
    if declined := why_not(header, file):
        if header.version == 1 and len(file.extents) == 1 and all(map(is_text, secrets)):
            return Opened(device, _by_qemu(file, secrets, stack))  # it knows more ciphers
        return declined
    from imgtools.engine.confined.luks import derive_key

    key = derive_key(header, file, secrets, volume.device)
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
