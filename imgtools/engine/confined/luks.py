"""The key of an encrypted volume, derived by cryptsetup's own library in a worker; nothing is mapped, nothing written.

The library gets a copy of the header in memory, without a byte of the data, and gives back the volume key, which is
in memory only. docs/decisions/luks-without-booting.md says why it is not the command.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.confined.kinds import GIB, Limits
from imgtools.engine.confined.worker import Worker
from imgtools.errors import BadImage, KeyNeeded, NotEnoughMemory, ToolMissing
from imgtools.records.request import Secret
from imgtools.units import format_size
from imgtools.volumes.luks.header import RESTORE, LuksHeader
from imgtools.volumes.volume_file import DiskFile

LIBRARY = "libcryptsetup.so.12"
PACKAGE = "cryptsetup-bin"
SECONDS = 300.0  # for all keys of a volume; one takes two on the host that it was made on
SPARE = 2 * GIB  # bytes of address space beside what argon2 takes: as any library has
ANY_SLOT = -1  # CRYPT_ANY_SLOT
CHUNK = 1 << 20


def derive_key(header: LuksHeader, file: DiskFile, secrets: Sequence[Secret], device: str) -> bytes:
    """Return the volume key, by the first of the secrets that leads to it.

    :param file: what begins with the header.
    :param device: the encrypted device, for messages.
    :raises KeyNeeded: none of them does.
    :raises NotEnoughMemory: a key slot takes more memory to be tried than there is.
    :raises EngineTimeout: it takes more time than anybody waits.
    :raises BadImage: cryptsetup refuses the header, or crashed on it.
    :raises ToolMissing: its library is not installed.
    """
    _require_memory(header.memory, device)
    with _copied(header, file) as descriptor:
        worker = Worker(
            "cryptsetup's library",
            device,
            lambda: _Service(descriptor, header, device),
            descriptors=(descriptor,),
            limits=Limits(memory=header.memory + SPARE),
        )
    try:
        with worker.within(SECONDS, f"{device}: no key was derived within {SECONDS:g} s"):
            for secret in secrets:
                key = worker.ask("key_by", secret.reveal())
                if key is not None:
                    return bytes(key)
    finally:
        worker.end()
    raise KeyNeeded(
        f"{device} is encrypted and the key does not open it",
        hint=f"give its key with --key {device}:file:PATH",
    )


@contextmanager
def _copied(header: LuksHeader, file: DiskFile) -> Iterator[int]:
    """Yield a file in memory with the header, as far as it has a meaning; the rest is holes."""
    descriptor = os.memfd_create("imgtools-header", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, header.size)
        for offset, length in header.pieces:
            for place in range(offset, offset + length, CHUNK):
                part = file.read_exactly(place, min(CHUNK, offset + length - place))
                os.pwrite(descriptor, part, place)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_memory(needed: int, device: str) -> None:
    if needed and needed > (free := free_memory()):
        raise NotEnoughMemory(
            f"{device}: to derive its key takes {format_size(needed)} of memory, and {format_size(free)} are free",
            hint="that is the memory cost of argon2 in its header; on a host with more memory it opens",
        )


def free_memory() -> int:
    """Return the bytes of memory that this process could still get: of the host, and of its control group."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = sum(int(fields[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree") if name in fields)
    return min([free, *_left_to_group()])


def _left_to_group(root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Yield what control groups of version 2 leave to us; cgroup-v2.rst, memory.max."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::/"):
            folder = root / line.removeprefix("0::/")
            for group in (folder, *folder.parents):
                if group == root.parent:
                    break
                try:
                    most, used = (
                        (group / name).read_text().strip() for name in ("memory.max", "memory.current")
                    )
                except OSError:
                    continue
                if most.isdigit():
                    yield max(0, int(most) - int(used))


# -- in the worker ----------------------------------------------------------------------------------------


class _Service:
    """One header, opened by libcryptsetup."""

    def __init__(self, descriptor: int, header: LuksHeader, device: str) -> None:
        self._device, self._header = device, header
        self._path = f"/proc/self/fd/{descriptor}"
        self._said: list[str] = []
        self._library = self._loaded()
        self._handle = ctypes.c_void_p()
        kind = f"LUKS{header.version}".encode()
        self._expect(self._library.crypt_init(ctypes.byref(self._handle), self._path.encode()))
        self._expect(self._library.crypt_load(self._handle, kind, None))

    def key_by(self, secret: bytes) -> bytes | None:
        """Return the volume key, or None where the secret opens no key slot."""
        key, size = ctypes.create_string_buffer(self._header.key_size), ctypes.c_size_t(self._header.key_size)
        answer = self._library.crypt_volume_key_get(
            self._handle, ANY_SLOT, key, ctypes.byref(size), secret, ctypes.c_size_t(len(secret))
        )
        if -answer in (errno.EPERM, errno.ENOENT):
            return None
        self._expect(answer)
        return key.raw[: size.value]

    def _expect(self, answer: int) -> None:
        if answer >= 0:
            return
        if -answer == errno.ENOMEM:
            raise NotEnoughMemory(
                f"{self._device}: to derive its key takes {format_size(self._header.memory)} of memory, "
                "and there is less",
                hint="that is the memory cost of argon2 in its header; on a host with more memory it opens",
            )
        said = "; ".join(self._said) or os.strerror(-answer)
        raise BadImage(f"{self._device}: cryptsetup refuses its header: {said}", hint=RESTORE)

    def _loaded(self) -> ctypes.CDLL:
        try:
            library = ctypes.CDLL(LIBRARY)
        except OSError:
            raise ToolMissing(f"{LIBRARY} is not installed", hint=f"apt-get install {PACKAGE}") from None
        # libcryptsetup.h; it keeps the function, so that it must not be forgotten here.
        kind = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self._log = kind(self._hear)
        library.crypt_set_log_callback(None, self._log, None)
        return library

    def _hear(self, level: int, message: bytes, _data: object) -> None:
        if level == 1 and len(self._said) < 4:  # CRYPT_LOG_ERROR
            self._said.append(
                message.decode("utf-8", "replace").replace(self._path, "it").strip().rstrip(".")[:200]
            )
