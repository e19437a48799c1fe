"""Encrypted volumes: LUKS1, LUKS2 and BitLocker, opened inside the appliance with cryptsetup."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.appliance.launch import Appliance
from imgtools.engine.direct.probe import Content, parse_udev
from imgtools.engine.keys import keys_for_volume
from imgtools.errors import ApplianceFailed, HostError, ImgtoolsError, KeyNeeded, UnsupportedGuest
from imgtools.records.disks import Volume
from imgtools.records.request import Key, Secret

log = logging.getLogger(__name__)

TYPES = {"crypto_LUKS": "luks", "BitLocker": "bitlk"}
# /run is in the appliance's memory; its disk is a temporary file of the host.
KEY_PATH = "/run/imgtools-key"
HEADER_PATH = "/run/imgtools-header"
# bytes: 128 MiB of key slots are the most that cryptsetup makes (LUKS2_MAX_KEYSLOTS_SIZE), and what is before them.
MOST_HEADER = 136 << 20
OPEN_SECONDS = 300.0  # the derivation of a key is slow by design, and slower without KVM: 3 to 10 s
WRONG_KEY, NO_MEMORY, EXISTS = 2, 3, 5  # cryptsetup(8), RETURN CODES


@dataclass(frozen=True, slots=True)
class Locked:
    """An encrypted volume, and its device in the words of the appliance's kernel."""

    volume: Volume
    kernel_device: str
    header: str = ""  # path of its header in the appliance, where that is not on it


def mapped_name(volume: Volume) -> str:
    """The name of a volume when it is open; ``luks-UUID`` is what installers write into crypttab and fstab."""
    if volume.content == "crypto_LUKS" and volume.uuid:
        return f"luks-{volume.uuid}"
    return f"bitlk-{volume.device.rpartition('/')[2]}"


def open_locked(appliance: Appliance, locked: Locked, keys: Sequence[Key]) -> bool:
    """Open an encrypted volume with the first of its keys that fits; False if it was given none.

    :raises KeyNeeded: none of the keys given for it opens it.
    :raises UnsupportedGuest: another one of its UUID is open.
    """
    secrets = keys_for_volume(locked.volume, keys)
    if not secrets:
        return False
    log.info("opening the encrypted volume %s (takes some seconds)", locked.volume.device)
    code, said = WRONG_KEY, ""
    for secret in secrets:
        code, said = _try(appliance, locked, secret)
        if code == 0:
            return True
        if code != WRONG_KEY:
            break
    raise _failure(locked.volume, code, said)


def _try(appliance: Appliance, locked: Locked, secret: Secret) -> tuple[int, str]:
    """Try one key; returns cryptsetup's exit code and complaint."""
    words = ["cryptsetup", "-q", "open", "--type", TYPES[locked.volume.content], "--key-file", KEY_PATH]
    words += ["--header", locked.header] if locked.header else []
    words += [locked.kernel_device, mapped_name(locked.volume)]
    with _uploaded(appliance, secret):
        answer = appliance.shell(
            f"udevadm settle; {shlex.join(words)} 2>&1; echo $?; udevadm settle", seconds=OPEN_SECONDS
        )
    said, _, code = answer.decode("utf-8", "replace").strip().rpartition("\n")
    return int(code), said.strip()


def upload_header(appliance: Appliance, host_path: Path, number: int) -> str:
    """Copy a header into the appliance's memory; returns its path there.

    :raises HostError: the file is not there, or is larger than any header.
    """
    try:
        size = host_path.stat().st_size
    except OSError as error:
        raise HostError(f"cannot read the header {host_path}: {error.strerror}") from None
    if size > MOST_HEADER:
        raise HostError(f"{host_path} has {size} bytes, and no header is larger than {MOST_HEADER}")
    path = f"{HEADER_PATH}-{number}"
    appliance.call(lambda: appliance.handle.debug_upload(os.fspath(host_path), path, 0o600))
    return path


def content_of_header(appliance: Appliance, path: str) -> Content:
    """Return what a header says that it is the header of."""
    said = appliance.shell(f"blkid -p -o udev {shlex.quote(path)} || true").decode("utf-8", "replace")
    return next(iter(parse_udev(said)), Content())


@contextmanager
def _uploaded(appliance: Appliance, secret: Secret) -> Iterator[None]:
    """Have the secret in a file of the appliance's memory, for as long as the block lasts.

    A file, because a key may hold any byte and libguestfs' own call ends it at the first NUL. On the host it
    is in memory too, behind a file descriptor.
    """
    descriptor = os.memfd_create("imgtools-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, secret.reveal())
        appliance.call(lambda: appliance.handle.debug_upload(f"/proc/self/fd/{descriptor}", KEY_PATH, 0o600))
        yield
    finally:
        os.close(descriptor)
        if not appliance.has_ended:
            appliance.shell(f"rm -f {KEY_PATH}")


def _failure(volume: Volume, code: int, said: str) -> ImgtoolsError:
    if code == WRONG_KEY:
        return KeyNeeded(
            f"the key given for {volume.device} does not open it",
            hint=f"--key {volume.device}:file:PATH",
        )
    if code == NO_MEMORY:
        return ApplianceFailed(
            f"{volume.device}: its key derivation needs more memory than the appliance has",
            hint="export LIBGUESTFS_MEMSIZE=4096",
        )
    if code == EXISTS:
        return UnsupportedGuest(
            f"{volume.device} has the UUID of an encrypted volume that is open, as a clone has: {volume.uuid}",
            hint="give the key of one of them, or open one disk at a time",
        )
    return ApplianceFailed(f"{volume.device} cannot be opened: {said or f'cryptsetup exit code {code}'}")
