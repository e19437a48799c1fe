"""Tar archives on their way into and out of a guest: gzip, xz, bzip2 and zstd, streamed."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from imgtools.change.change import Change, Upload
from imgtools.change.describe import PlannedChange
from imgtools.engine.process import UNLIMITED, Fence, Kind
from imgtools.engine.stream import feed_stream, open_stream
from imgtools.errors import HostError, UsageError
from imgtools.units import format_size

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

CHUNK = 1 << 20  # bytes
COPY = "imgtools-tar-"  # begins the name of an unpacked copy
MOST_UNPACKED = 4 << 30  # bytes that any archive may unpack to; larger ones
MOST_TIMES = 200  # times their packed size: text has 5 to 30, empty images up to some hundred

STDIN = Path("-")  # in a plan: an archive that comes on standard input


@dataclass(frozen=True, slots=True)
class Copies:
    """Changes that can be carried out, and the unpacked copy of each archive."""

    changes: tuple[Change, ...]
    plain: Mapping[Path, Path]


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
    :raises HostError: it cannot be read, or unpacks to more than 4 GiB and 200 times its size.
    """
    try:
        source = stdin if host_path is None else host_path.open("rb")
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    with source, tempfile.NamedTemporaryFile(prefix=COPY) as copy:
        head = source.read(6)
        packing = next((name for magic, name in MAGICS.items() if head.startswith(magic)), "")
        if host_path is not None and not packing:
            yield host_path.absolute()
            return
        with tempfile.TemporaryFile(prefix=COPY) as whole:
            whole.write(head)
            shutil.copyfileobj(source, whole, CHUNK)
            whole.flush()
            whole.seek(0)
            _unpack(whole, cast(BinaryIO, copy), packing, str(host_path or "standard input"))
        copy.flush()
        yield Path(copy.name)


def is_copy(host_path: Path) -> bool:
    """Whether a file is an unpacked copy, which is gone when the command ends that wanted it."""
    return host_path.name.startswith(COPY) and host_path.parent == Path(tempfile.gettempdir())


def as_written_down(
    planned: Iterable[PlannedChange], plain: Path, archive_path: Path
) -> Iterator[PlannedChange]:
    """Yield planned changes that take pieces of an unpacked copy as pieces of the archive, which is there longer."""
    for one in planned:
        change = one.change
        if isinstance(change, Upload) and change.host_path == plain != archive_path:
            one = replace(one, change=replace(change, host_path=archive_path, packed=True))
        yield one


@contextmanager
def unpacked_copies(changes: Sequence[Change], stdin: BinaryIO) -> Iterator[Copies]:
    """Unpack the archives that changes want pieces of: the other way round of :func:`as_written_down`.

    :raises HostError: one cannot be read.
    """
    packed = {one.host_path for one in changes if isinstance(one, Upload) and one.packed}
    with ExitStack() as stack:
        plain = {
            path: stack.enter_context(plain_archive(None if path == STDIN else path, stdin))
            for path in sorted(packed)
        }
        yield Copies(
            tuple(
                replace(one, host_path=plain[one.host_path], packed=False)
                if isinstance(one, Upload) and one.packed
                else one
                for one in changes
            ),
            plain,
        )


def _unpack(source: BinaryIO, target: BinaryIO, packing: str, shown: str) -> None:
    if not packing:
        shutil.copyfileobj(source, target, CHUNK)
        return
    most = max(MOST_UNPACKED, MOST_TIMES * os.fstat(source.fileno()).st_size)
    fence = Fence(Kind.DECOMPRESSOR)
    with open_stream([PACKERS[packing], "-dc"], fence, limits=UNLIMITED, stdin=source) as stream:
        while chunk := stream.read(CHUNK):
            if target.tell() + len(chunk) > most:
                raise HostError(
                    f"{shown} unpacks to more than {format_size(most)}, {MOST_TIMES} times what it has",
                    hint="if you trust it, unpack it to a plain .tar first",
                )
            target.write(chunk)


class _Readable(Protocol):
    """What tarfile takes a member's content from."""

    def read(self, length: int = ..., /) -> bytes:
        """Return the next bytes."""


class _Writer(tarfile.TarFile):
    """Remembers no member that is written: tarfile keeps a record of each, 400 MB for a million files."""

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: _Readable | None = None) -> None:
        super().addfile(tarinfo, fileobj)
        self.getmembers().clear()


@contextmanager
def archive_writer(target: BinaryIO, packing: str) -> Iterator[tarfile.TarFile]:
    """Yield a tar archive to write to (PAX format), packed by the host's own program into ``target``.

    :raises ToolMissing: the program is not installed.
    :raises ToolFailed: it failed, for example because the host has no room.
    """
    if not packing:
        with _Writer.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            yield archive
        return
    packer = [PACKERS[packing], "-c"]
    with (
        feed_stream(packer, stdout=target) as pipe,
        _Writer.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive
