"""Tar archives on their way into and out of a guest: gzip, xz, bzip2 and zstd, streamed."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.engine.process import UNLIMITED
from imgtools.engine.stream import feed_stream, open_stream
from imgtools.errors import HostError, UsageError

ENDINGS = {
    ".tar": "",
    ".tar.gz": "gz",
    ".tgz": "gz",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar.bz2": "bz2",
    ".tar.zst": "zst",
    ".tzst": "zst",
}
PACKERS = {"gz": "gzip", "xz": "xz", "bz2": "bzip2", "zst": "zstd"}
MAGICS = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}


def compression_of(name: str, wanted: str | None) -> str:
    """Return how an archive of this name is packed (``gz``, ``xz``, ``bz2``, ``zst`` or empty).

    :raises UsageError: ``wanted`` is none of them.
    """
    if wanted is not None:
        if wanted not in ("none", *PACKERS):
            raise UsageError(f"no such compression: {wanted}", hint="one of none, gz, xz, bz2, zst")
        return "" if wanted == "none" else wanted
    matches = [packing for ending, packing in ENDINGS.items() if name.endswith(ending)]
    return matches[0] if matches else ""


@contextmanager
def plain_archive(host_path: Path | None, stdin: BinaryIO) -> Iterator[Path]:
    """Yield an archive as a plain tar file: itself, or a private unpacked copy that is gone afterwards.

    :param host_path: None: the archive comes on ``stdin``.
    :raises HostError: it cannot be read.
    """
    try:
        source = stdin if host_path is None else host_path.open("rb")
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    with source, tempfile.NamedTemporaryFile(prefix="imgtools-tar-") as copy:
        head = source.read(6)
        packing = next((name for magic, name in MAGICS.items() if head.startswith(magic)), "")
        if host_path is not None and not packing:
            yield host_path.absolute()
            return
        with tempfile.TemporaryFile(prefix="imgtools-tar-") as whole:
            whole.write(head)
            shutil.copyfileobj(source, whole, 1 << 20)
            whole.seek(0)
            _unpack(whole, cast(BinaryIO, copy), packing)
        copy.flush()
        yield Path(copy.name)


def _unpack(source: BinaryIO, target: BinaryIO, packing: str) -> None:
    if not packing:
        shutil.copyfileobj(source, target, 1 << 20)
        return
    with open_stream([PACKERS[packing], "-dc"], limits=UNLIMITED, stdin=source) as stream:
        shutil.copyfileobj(stream, target, 1 << 20)


@contextmanager
def archive_writer(target: BinaryIO, packing: str) -> Iterator[tarfile.TarFile]:
    """Yield a tar archive to write to (PAX format), packed by the host's own program into ``target``.

    :raises ToolMissing: the program is not installed.
    :raises ToolFailed: it failed, for example because the host has no room.
    """
    if not packing:
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            yield archive
        return
    packer = [PACKERS[packing], "-c"]
    with (
        feed_stream(packer, stdout=target) as pipe,
        tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive
