"""Disk images on the host: what is opened, its chain of backing files, its internal snapshots."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgtools.errors import UsageError
from imgtools.records.system import Warned

if TYPE_CHECKING:
    from imgtools.records.remote import RemoteOptions
    from imgtools.records.snapshots import Snapshot

_SECRET = re.compile(r"(?<=://)[^/@?#]*[:%][^/@?#]*(?=@)|(?<=:key=)[^:]*")
SECTOR_SIZES = (512, 4096)  # of the disks that there are
_URI = re.compile(r"[a-z][a-z0-9+.-]*://|rbd:")  # RFC 3986, and what QEMU calls a volume of Ceph


@dataclass(frozen=True, slots=True)
class Inside:
    """Where the bytes of a disk are that is no file of the host by itself: in an archive, packed, behind a server.

    One of three: a stretch of the file that the user named; a file of ours (``path``) that was unpacked; what a server
    of ours has on a unix socket. Of each, ``size`` bytes from ``offset`` on. They are read only, and stand alone: what
    names other files in there is refused.
    """

    name: str  # for messages and JSON: guest.ova/disk1.vmdk, a URI
    size: int
    offset: int = 0
    is_whole: bool = False  # what holds them holds nothing else
    path: Path | None = None
    socket: str = ""
    remote: bool = False  # nothing of it is a file of the host: the source's path is that of the socket
    kind: str = (
        ""  # what it was taken out of: "OVA", "tar", "xz" ...; of several, the outermost first: "xz, tar"
    )
    how: str = ""  # how it is read: a sentence for people
    notes: tuple[str, ...] = ()  # what a reader should know of it
    facts: tuple[tuple[str, str], ...] = ()  # what its server says of it: etag, modified ...


class Held(NamedTuple):
    """Why a disk that is read must not be written, as its libvirt domain has it; see :mod:`imgtools.libvirt.named`."""

    text: str  # "the domain web1 is running"
    hint: str  # what to do before it may be written
    is_live: bool = True  # what is read may change meanwhile


@dataclass(frozen=True, slots=True)
class DiskSource:
    """One disk of the guest, as the user named it. Several make one guest: /dev/sda, /dev/sdb ...

    ``host_path`` is a file that is there. What the user named by a URI has none before it is opened
    (:mod:`imgtools.disk.sources`), and the socket of our server then: an empty path and ``uri`` until that.
    """

    host_path: Path
    format: str | None = None  # None: probe; a raw image is only raw if nothing else is found
    snapshot: str | None = None  # internal snapshot, by id or name
    folders: tuple[Path, ...] = ()  # whose files it may name, beside those of its own folder
    uri: str = field(default="", repr=False)  # where it is, if not on this host; it may hold a secret
    remote: RemoteOptions | None = None  # how the network is used for it; None: it is not
    held: Held | None = None  # it is only read
    inside: Inside | None = None  # where its bytes are, once it is opened
    promised: int = 0  # bytes of the disk as who packed it says; 0: nobody has
    sector_size: int = (
        0  # bytes of a logical sector: 512, 4096; 0: as its partition table says, 512 without one
    )

    @property
    def name(self) -> str:
        """What messages and JSON call it."""
        return self.inside.name if self.inside else shown_uri(self.uri) or str(self.host_path)

    @property
    def notes(self) -> tuple[Warned, ...]:
        """What there is to say of where it is, to who looks at it as a whole."""
        return tuple(Warned(note, self.name) for note in (self.inside.notes if self.inside else ()))

    @property
    def shown_path(self) -> Path | str:
        """Its path, or what the user knows it by where it is no file by itself."""
        return self.name if self.inside or self.uri else self.host_path


def is_uri(word: str) -> bool:
    """Whether a word names something that is not on this host; ``./rbd:x`` is a file."""
    return bool(_URI.match(word))


def shown_uri(uri: str) -> str:
    """Return a URI as it may be shown before it was looked at: without what could be a password or a token."""
    place, mark, _ = uri.partition("?")
    return _SECRET.sub("...", "".join(one for one in place if one.isprintable())) + (
        f"{mark}..." if mark else ""
    )


def disk_named(
    word: str | os.PathLike[str],
    format: str | None = None,
    snapshot: str | None = None,
    folders: tuple[Path, ...] = (),
    remote: RemoteOptions | None = None,
    sector: int = 0,
) -> DiskSource:
    """Return the disk that a user means by a word: a path, or a URI, which is no path and stays as it is.

    :param remote: how the network is used; None: it is not.
    """
    if isinstance(word, str) and is_uri(word):
        return DiskSource(Path(), format, snapshot, folders, uri=word, remote=remote, sector_size=sector)
    # Of a file, for another that stands beside it.
    return DiskSource(Path(word), format, snapshot, folders, remote=remote, sector_size=sector)


def sector_size(value: int | None) -> int:
    """Return the bytes of a sector that somebody has said; 0 for nothing.

    :raises UsageError: no disk has such sectors.
    """
    if value is None:
        return 0
    if value not in SECTOR_SIZES:
        raise UsageError(f"no disk has sectors of {value} bytes", hint="--blocksize is 512 or 4096")
    return value


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a backing chain."""

    host_path: Path
    format: str
    virtual_size: int
    actual_size: int
    extents: tuple[Path, ...] = ()  # further files that this layer names: qcow2 data file, vmdk extents
    encryption: str = ""  # "", "luks", "aes"
    # Device and inode of its files when their names were judged; nothing for readers of a report.
    judged: tuple[tuple[Path, int, int], ...] = field(default=(), repr=False, compare=False)
    inside: Inside | None = field(
        default=None, repr=False
    )  # where its bytes are, if not in a file of its own

    @property
    def name(self) -> str:
        """What messages and JSON call it."""
        return self.inside.name if self.inside else str(self.host_path)

    @property
    def shown_path(self) -> Path | str:
        """Its path, or what the user knows it by where it is no file by itself."""
        return self.inside.name if self.inside else self.host_path

    @property
    def has_file(self) -> bool:
        """Whether anything of it is a file of the host, which can be locked and looked at."""
        return not (self.inside and self.inside.remote)

    def as_json(self) -> dict[str, object]:
        """Its fields, under the name that the user knows."""
        return {
            "host_path": self.shown_path,
            "format": self.format,
            "virtual_size": self.virtual_size,
            "actual_size": self.actual_size,
            "extents": self.extents,
            "encryption": self.encryption,
        }


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the host knows of one disk image without looking at its contents."""

    source: DiskSource
    format: str
    virtual_size: int
    actual_size: int
    chain: tuple[Layer, ...]  # the image itself first, its base last
    snapshots: tuple[Snapshot, ...] = ()
    encryption: str = ""  # "", "luks", "aes"
    dirty: bool = False
    details: tuple[tuple[str, str], ...] = ()  # format-specific facts, in qemu-img's words
    warnings: tuple[Warned, ...] = ()
