"""Overwrite a file or block device of the host, pass by pass, and say what that is worth where it lies."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from imgtools.engine.allocation import filesystem_of
from imgtools.errors import EngineFailed, HostError, ImageInUse, NoRoom
from imgtools.records.progress import Progress
from imgtools.volumes.local_file import read_at

CHUNK = 3 << 20  # bytes written at a time; patterns have one or three bytes, and both divide it


@dataclass(frozen=True, slots=True)
class Pass:
    """One time over the whole file: with a repeated pattern, or with random bytes. ``verify`` reads it back."""

    pattern: bytes  # b"": random
    verify: bool = False

    def __str__(self) -> str:
        what = self.pattern.hex(" ") if self.pattern else "random"
        return f"{what}, read back" if self.verify else what


def _fixed(*values: int) -> tuple[Pass, ...]:
    return tuple(Pass(bytes([value])) for value in values)


RANDOM = Pass(b"")
_TRIPLES = tuple(Pass(bytes.fromhex(text)) for text in ("924924", "492492", "249249"))
_RLL_2_7 = tuple(Pass(bytes.fromhex(text)) for text in ("6db6db", "b6db6d", "db6db6"))

# As scrub(1) and libvirt (virStorageVolWipePattern) have them; gutmann after "Secure Deletion of Data from Magnetic
# and Solid-State Memory" (1996), table 1.
ALGORITHMS: dict[str, tuple[Pass, ...]] = {
    "zero": _fixed(0x00),
    "random": (RANDOM,),
    "nnsa": (RANDOM, RANDOM, Pass(b"\x00", verify=True)),
    "dod": (RANDOM, Pass(b"\x00"), Pass(b"\xff", verify=True)),
    "bsi": _fixed(0xFF, 0xFE, 0xFD, 0xFB, 0xF7, 0xEF, 0xDF, 0xBF, 0x7F),
    "gutmann": (
        *(RANDOM,) * 4,
        *_fixed(0x55, 0xAA),
        *_TRIPLES,
        *_fixed(*range(0x00, 0x100, 0x11)),
        *_TRIPLES,
        *_RLL_2_7,
        *(RANDOM,) * 4,
    ),
    "schneier": (*_fixed(0x00, 0xFF), *(RANDOM,) * 5),
    "pfitzner7": (RANDOM,) * 7,
    "pfitzner33": (RANDOM,) * 33,
}


def wipe_file(host_path: Path, passes: tuple[Pass, ...], progress: Progress | None = None) -> int:
    """Overwrite every byte of a file, holes too, once for each pass; returns its length.

    Each pass is on the host's disk before the next begins, else only the last one would be.

    :raises EngineFailed: a pass does not read back as it was written.
    :raises NoRoom: there is no room for what were holes.
    :raises ImageInUse: it is a block device that is mounted or in use.
    """
    descriptor = _open(host_path)
    try:
        length = os.lseek(descriptor, 0, os.SEEK_END)
        turns = len(passes) + sum(one.verify for one in passes)
        done = 0
        for one in passes:
            for written in _write_pass(descriptor, one, length):
                done += written
                if progress:
                    progress(done, turns * length)
            os.fsync(descriptor)
            if one.verify:
                for read in _verify_pass(descriptor, one, length, host_path):
                    done += read
                    if progress:
                        progress(done, turns * length)
        return length
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoom(
                f"no room for the holes of {host_path}", hint="make room, or remove it unwiped"
            ) from None
        raise HostError(f"cannot overwrite {host_path}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _open(host_path: Path) -> int:
    is_device = stat.S_ISBLK(host_path.stat().st_mode)
    try:
        # On a block device O_EXCL fails while it is mounted or otherwise in use (open(2)).
        return os.open(host_path, os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if is_device else 0))
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise ImageInUse(f"{host_path} is in use by the host", hint="unmount it first") from None
        raise HostError(f"cannot write {host_path}: {error.strerror}") from None


def _write_pass(descriptor: int, one: Pass, length: int) -> Iterator[int]:
    offset = 0
    while offset < length:
        written = os.pwrite(descriptor, _piece(one, offset, length), offset)
        offset += written
        yield written


def _verify_pass(descriptor: int, one: Pass, length: int, host_path: Path) -> Iterator[int]:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # from the disk, not from memory
    for offset in range(0, length, CHUNK):
        wanted = _piece(one, offset, length)
        if read_at(descriptor, offset, len(wanted)) != wanted:
            raise EngineFailed(f"{host_path} does not read back as it was written, near byte {offset}")
        yield len(wanted)


def _piece(one: Pass, offset: int, length: int) -> bytes:
    """Return what is written from here on: the pattern goes on, wherever the write before has ended."""
    size = min(CHUNK, length - offset)
    if not one.pattern:
        return os.urandom(size)
    return _repeated(one.pattern, offset % len(one.pattern), size)


@lru_cache(maxsize=4)
def _repeated(pattern: bytes, phase: int, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 2))[phase : phase + size]


# -- what it is worth --------------------------------------------------------------------------------------

_COPY_ON_WRITE = {"btrfs", "zfs", "bcachefs", "nilfs2", "f2fs", "ubifs", "jffs2", "apfs"}
_ELSEWHERE = {"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse", "fuse.sshfs", "9p", "virtiofs"}


def doubts(host_path: Path) -> tuple[str, ...]:
    """Return what keeps overwriting from reaching every copy of the bytes, where this file lies."""
    found = []
    kind = filesystem_of(host_path)
    if kind in _COPY_ON_WRITE:
        found.append(f"{kind} writes to new places: the old bytes stay on the disk until it uses them again")
    elif kind == "xfs":
        found.append("on XFS a file that was cloned (reflink) shares its bytes; the clone keeps them")
    elif kind in _ELSEWHERE:
        found.append(f"{kind} keeps the bytes elsewhere: what happens to the old ones there is unknown")
    elif kind == "overlay":
        found.append("an overlay filesystem copies the file first: the lower one keeps its bytes")
    if (rotational := _rotational(host_path)) is None:
        found.append(
            "the kind of disk below is unknown; an SSD or a thin volume keeps old bytes out of reach"
        )
    elif not rotational:
        found.append(
            "the disk says that it is no rotating one: an SSD keeps old bytes in places that nobody can overwrite;"
            " its own secure erase, or encryption from the start, reaches them"
        )
    if host_path.stat().st_nlink > 1:
        found.append("the file has other names (hard links); all of them are wiped")
    found.append("snapshots of the host, backups, backing files and swap are not touched")
    return tuple(found)


def _rotational(host_path: Path) -> bool | None:
    found = host_path.stat()
    device = found.st_rdev if stat.S_ISBLK(found.st_mode) else found.st_dev
    folder = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    where = os.path.realpath(folder)
    if "/virtual/" in where or "/virtio" in where:
        return (
            None  # a disk of a virtual machine, a loop, a volume of LVM: what it says of itself says nothing
        )
    for place in (folder / "queue/rotational", folder / "../queue/rotational"):
        try:
            return place.read_text().strip() == "1"
        except OSError:
            continue
    return None
