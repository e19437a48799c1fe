"""What is in a package file: .deb, .rpm, and the tar archives of pacman, read on the host.

Only the wrapping is read here; what is packed goes through the fenced programs that tar archives go through. Everything
is bounded. Sources: deb(5), ar(5), the RPM V4 package format (rpm.org), cpio(5) "New ASCII Format".
"""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from imgtools.change.archive import CHUNK, plain_archive
from imgtools.errors import HostError
from imgtools.files.tree import GuestReader
from imgtools.filesystems import tar_reader
from imgtools.records.files import FileKind

AR = b"!<arch>\n"
AR_HEADER = 60
RPM_LEAD = b"\xed\xab\xee\xdb"
RPM_LEAD_SIZE = 96
RPM_HEADER = b"\x8e\xad\xe8\x01"
LARGEST_HEADER = 256 << 20  # bytes, as rpm has it
CPIO = (b"070701", b"070702")
CPIO_HEADER = 110
TRAILER = "TRAILER!!!"
MOST_MEMBERS = 200_000
LARGEST_FILE = 256 << 20  # bytes of one file that is taken
LONGEST_NAME = 4096
_KINDS = {0o100000: FileKind.FILE, 0o120000: FileKind.LINK, 0o040000: FileKind.DIRECTORY}


@dataclass(frozen=True, slots=True)
class Packed:
    """A file, link or folder of a package. ``content`` is a file's, ``target`` a link's."""

    path: str
    kind: FileKind
    mode: int
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""


def read_package(host_path: Path) -> Iterator[Packed]:
    """Yield what a package file has; device nodes and what is called upwards are left out.

    :raises HostError: it cannot be read, is no package, is damaged, or holds too much.
    """
    try:
        with host_path.open("rb") as stream, tempfile.NamedTemporaryFile(prefix="imgtools-package-") as inner:
            head = stream.read(8)
            kind = "rpm" if head.startswith(RPM_LEAD) else "deb" if head == AR else "tar"
            left = host_path.stat().st_size
            if kind == "rpm":
                _to_payload(stream, host_path)
            elif kind == "deb":
                left = _to_data(stream, host_path)
            else:
                stream.seek(0)
            while left > 0 and (chunk := stream.read(min(left, CHUNK))):
                left -= inner.write(chunk)
            inner.flush()
            with (
                plain_archive(Path(inner.name), cast(BinaryIO, stream)) as plain,
                plain.open("rb") as archive,
            ):
                size = plain.stat().st_size
                yield from _of_cpio(archive, size, host_path) if kind == "rpm" else _of_tar(archive, size)
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None


def read_cached(files: GuestReader, path: str) -> Iterator[Packed]:
    """Yield what a package file in the guest has, as :func:`read_package`.

    :raises HostError: as there.
    """
    with tempfile.NamedTemporaryFile(prefix="imgtools-package-") as copy:
        with files.open(path) as source:
            shutil.copyfileobj(source, copy, CHUNK)
        copy.flush()
        yield from read_package(Path(copy.name))


def _damaged(host_path: Path, why: str) -> HostError:
    return HostError(
        f"{host_path} is no package that can be read: {why}", hint="known are .deb, .rpm and .pkg.tar"
    )


def _to_data(stream: BinaryIO, host_path: Path) -> int:
    """Go to the data of a .deb, the member of its ar archive that is called data.tar; returns how long it is."""
    for _ in range(16):
        header = stream.read(AR_HEADER)
        if len(header) < AR_HEADER or header[58:60] != b"`\n" or not header[48:58].strip().isdigit():
            break
        size = int(header[48:58])
        if header[:8] == b"data.tar":
            return size
        stream.seek(size + size % 2, 1)
    raise _damaged(host_path, "it has no data.tar")


def _to_payload(stream: BinaryIO, host_path: Path) -> None:
    """Go behind an RPM's two headers; the first is filled up to 8 bytes."""
    stream.seek(RPM_LEAD_SIZE)
    for is_signature in (True, False):
        raw = stream.read(16)
        if len(raw) < 16 or raw[:4] != RPM_HEADER:
            raise _damaged(host_path, "a header is damaged")
        count, size = struct.unpack(">II", raw[8:])
        length = 16 * count + size
        if length > LARGEST_HEADER:
            raise _damaged(host_path, f"a header has {length} bytes")
        stream.seek(length + (-length % 8 if is_signature else 0), 1)


def _path(name: str) -> str:
    """A member's path in the guest; "" if it leads upwards, or is none of the package's own files."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    is_own = len(parts) != 1 or not parts[0].startswith(".")  # pacman's .PKGINFO, .MTREE
    return "/" + "/".join(parts) if parts and ".." not in parts and is_own else ""


# -- tar ---------------------------------------------------------------------------------------------------


def _of_tar(stream: BinaryIO, size: int) -> Iterator[Packed]:
    links: dict[str, Packed] = {}
    for number, one in enumerate(tar_reader.read_members(stream, size)):
        path = _path(one.name)
        if number >= MOST_MEMBERS or one.size > LARGEST_FILE:
            raise HostError(f"the package has more than {MOST_MEMBERS} files, or one of {one.size} bytes")
        if not path or one.parts is not None:
            continue
        if one.is_directory:
            yield Packed(path, FileKind.DIRECTORY, one.mode, one.uid, one.gid)
        elif one.kind == tar_reader.LINK:
            yield Packed(path, FileKind.LINK, 0o777, one.uid, one.gid, target=one.target)
        elif one.kind == tar_reader.HARD_LINK and (first := links.get(_path(one.target))):
            yield Packed(path, FileKind.FILE, first.mode, first.uid, first.gid, first.content)
        elif one.kind in tar_reader.FILES:
            back = stream.tell()
            stream.seek(one.offset)
            made = Packed(path, FileKind.FILE, one.mode, one.uid, one.gid, stream.read(one.size))
            stream.seek(back)
            links[path] = made
            yield made


# -- cpio --------------------------------------------------------------------------------------------------


def _of_cpio(stream: BinaryIO, size: int, host_path: Path) -> Iterator[Packed]:
    """The members of a cpio archive; of a file with several names only the last has the content."""
    waiting: dict[tuple[int, int, int], list[tuple[str, int]]] = {}
    at = 0
    for _ in range(MOST_MEMBERS):
        header = stream.read(CPIO_HEADER)
        if len(header) < CPIO_HEADER or header[:6] not in CPIO:
            raise _damaged(host_path, "its payload is damaged (or has files of more than 4 GiB)")
        try:
            fields = [int(header[6 + 8 * n : 14 + 8 * n], 16) for n in range(13)]
        except ValueError:
            raise _damaged(host_path, "its payload is damaged") from None
        inode, mode, links, length, names = fields[0], fields[1], fields[4], fields[6], fields[11]
        if not 0 < names <= LONGEST_NAME or length > LARGEST_FILE or at + length > size:
            raise _damaged(host_path, "its payload names what cannot be")
        name = stream.read(names)[:-1].decode("utf-8", "surrogateescape")
        stream.seek(-(CPIO_HEADER + names) % 4, 1)
        content = stream.read(length)
        stream.seek(-length % 4, 1)
        at = stream.tell()
        if name == TRAILER:
            return
        kind, path = _KINDS.get(mode & 0o170000), _path(name)
        if kind is None or not path:
            continue
        if kind is not FileKind.FILE:
            yield Packed(path, kind, mode & 0o7777, target=content.decode("utf-8", "surrogateescape"))
            continue
        same = (inode, fields[7], fields[8])
        if links > 1 and not length:
            waiting.setdefault(same, []).append((path, mode))
            continue
        yield Packed(path, kind, mode & 0o7777, content=content)
        for other, its_mode in waiting.pop(same, []):
            yield Packed(other, kind, its_mode & 0o7777, content=content)
    raise _damaged(host_path, f"it has more than {MOST_MEMBERS} files")
