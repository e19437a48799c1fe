"""What an initial RAM disk holds: the archives in it, whether each unpacks to its end, and the names of their files.

Nothing is kept of the files' contents. One may begin with an archive that is not packed, with microcode for the
processor, and go on with packed ones.

Source: init/initramfs.c of the kernel, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from imgtools.engine.packed import UNPACKED, DamagedStream, Readable, Source, packed_kind, unpack_one
from imgtools.files.tree import GuestReader

MAX_NAMES = 200_000  # files; a generic one of a distribution has 3,000
MAX_UNPACKED = 4 << 30  # bytes
MAX_NAME = 4096  # PATH_MAX
HEAD = 110  # bytes of the head of a file in an archive
LAST = "TRAILER!!!"
ARCHIVE = (b"070701", b"070702")
MODULE = re.compile(r"(?:^|/)lib/modules/(\d[^/]*)/.*\.ko")  # and what its version is


@dataclass(frozen=True, slots=True)
class Initrd:
    """``archives`` are what it is made of: ``cpio``, ``gzip``, ``zstd`` ...; ``problem`` is why it does not unpack.

    ``names`` are the paths of its files without a leading slash, as far as they could be read. ``closed`` is why the
    rest of it is not read, though it may be whole; ``junk`` what is behind its archives, which the kernel passes over
    with a complaint.
    """

    archives: tuple[str, ...]
    names: frozenset[str]
    problem: str = ""
    closed: str = ""
    junk: str = ""

    def has_module(self, name: str) -> bool:
        """Whether it holds a kernel module, packed or not; ``-`` and ``_`` are the same in its name."""
        return name.replace("-", "_") in self.modules

    @property
    def modules(self) -> frozenset[str]:
        """The kernel modules in it, by name, with ``_`` for ``-``."""
        files = (name.rpartition("/")[2] for name in self.names if ".ko" in name)
        return frozenset(name.partition(".ko")[0].replace("-", "_") for name in files)

    @property
    def kernels(self) -> frozenset[str]:
        """The versions of the kernels that its modules are for, by the folders that they lie in."""
        found = (MODULE.search(name) for name in self.names)
        return frozenset(one[1] for one in found if one)

    def has_program(self, *programs: str) -> bool:
        """Whether it holds one of these programs, wherever programs are."""
        return any(
            name.rpartition("/")[2] in programs and ("bin/" in name or "lib/systemd/" in name)
            for name in self.names
        )

    @property
    def has_init(self) -> bool:
        """Whether the kernel finds a program to start in it."""
        return bool(self.names & {"init", "sbin/init"})

    @property
    def is_booster(self) -> bool:
        """Whether one program does everything in it: it knows LVM, RAID and LUKS itself."""
        return "etc/booster.init.yaml" in self.names


@dataclass(slots=True)
class _Found:
    archives: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    closed: str = ""
    junk: str = ""

    def told(self, problem: str = "") -> Initrd:
        """What it is in the end."""
        return Initrd(tuple(self.archives), frozenset(self.names), problem, self.closed, self.junk)


def read_initrd(files: GuestReader, *paths: str) -> Initrd:
    """Read an initial RAM disk to its end; several files are one behind the other, as a boot loader puts them.

    :raises ToolMissing: zstd or lz4 is needed and not installed.
    """
    found = _Found()
    for path in paths:
        with files.open(path) as stream:
            source = Source(stream)
            try:
                _read(source, found)
            except DamagedStream as error:
                where = f"{path}: " if len(paths) > 1 else ""
                return found.told(f"{where}{error}")
    return found.told()


def read_initrd_stream(stream: Readable) -> Initrd:
    """Read an initial RAM disk that is a part of something else, as :func:`read_initrd` does.

    :raises ToolMissing: zstd or lz4 is needed and not installed.
    """
    found = _Found()
    try:
        _read(Source(stream), found)
    except DamagedStream as error:
        return found.told(str(error))
    return found.told()


def _read(source: Source, found: _Found) -> None:
    while head := _next_head(source):
        source.put_back(head)
        if head in ARCHIVE:
            found.archives.append("cpio")
            stream = _Stream(source.pieces())
            _read_archives(stream, found)
            source.put_back(stream.rest)
        elif kind := packed_kind(head):
            found.archives.append(kind)
            if kind not in UNPACKED:
                found.closed = f"it is packed with {kind}, which is not unpacked here"
                return
            unpacked = _Stream(unpack_one(source, kind))
            while unpacked.goes_on():
                _read_archives(unpacked, found)
        elif not found.archives:
            raise DamagedStream("it begins with no archive and with nothing packed")
        else:
            found.junk = f"there is junk behind its archives, at byte {source.position}"
            return
    if not found.archives:
        raise DamagedStream("it is empty")


def _next_head(source: Source) -> bytes:
    """Return the next six bytes behind the zeros that fill up an archive."""
    while piece := source.read(4096):
        rest = piece.lstrip(b"\0")
        if rest:
            source.put_back(rest)
            return source.read(6)
    return b""


class _Stream:
    """Bytes that come in pieces, taken or passed over."""

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        self._pieces: Iterator[bytes] = pieces
        self._piece = b""
        self._at = 0
        self._total = 0

    def take(self, size: int) -> bytes:
        """Return ``size`` bytes; fewer only at the end."""
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        while len(found) < size and self._more():
            part = self._piece[: size - len(found)]
            self._at = len(part)
            found += part
        return found

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes.

        :raises DamagedStream: there are not as many.
        """
        left = size - (len(self._piece) - self._at)
        while left > 0:
            if not self._more():
                raise DamagedStream("its archive ends in the middle of a file")
            left -= len(self._piece)
        self._at = len(self._piece) + left

    def _more(self) -> bool:
        self._at = 0
        self._piece = next(self._pieces, b"")
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return False
            self._piece = following
        self._total += len(self._piece)
        if self._total > MAX_UNPACKED:
            raise DamagedStream(f"it unpacks to more than {MAX_UNPACKED >> 30} GiB")
        return True

    @property
    def rest(self) -> bytes:
        """What of the last piece was not taken."""
        return self._piece[self._at :]

    def goes_on(self) -> bool:
        """Pass over zeros; whether something comes behind them. At the end the checksum has been looked at."""
        while True:
            rest = self.rest.lstrip(b"\0")
            if rest:
                self._at = len(self._piece) - len(rest)
                return True
            if not self._more():
                return False


def _read_archives(stream: _Stream, found: _Found) -> None:
    """Read archives up to the end of the stream, or up to what is none."""
    position = 0
    while True:
        head = stream.take(HEAD)
        if head[:6] not in ARCHIVE:
            raise DamagedStream("its archive is damaged: no file begins where one should")
        if len(head) < HEAD:
            raise DamagedStream("its archive ends too early")
        size, length = _numbers(head)
        name = stream.take(length).rstrip(b"\0").decode("utf-8", "surrogateescape")
        position += HEAD + length
        gap = -position % 4
        if name == LAST:
            stream.take(gap)
            return
        if len(found.names) < MAX_NAMES:
            found.names.add(name.removeprefix("./").lstrip("/"))
        stream.skip(gap + size + -size % 4)
        position += gap + size + -size % 4


def _numbers(head: bytes) -> tuple[int, int]:
    """The size of a file and the length of its name with the zero behind it."""
    try:
        size, length = int(head[54:62], 16), int(head[94:102], 16)
    except ValueError:
        raise DamagedStream("its archive is damaged: a number that is none") from None
    if not 0 < length <= MAX_NAME:
        raise DamagedStream("its archive is damaged: a name of impossible length")
    return size, length
