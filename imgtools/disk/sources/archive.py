"""A tar archive with the disks of one guest in it: an OVA (an OVF package in one file), or one disk image in a tar.

Nothing is unpacked: a disk is read where it lies in the archive.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from imgtools.disk.headers.hostfile import MAX_PIECE, HostFile, open_layer
from imgtools.disk.headers.magic import probe
from imgtools.disk.sources.manifest import Digest, check_bytes, check_stretch, read_manifest
from imgtools.disk.sources.opening import Work, kind_of, member_of
from imgtools.disk.sources.ovf import LARGEST, OvfDisk, read_ovf, require_plain
from imgtools.disk.sources.spool import spool
from imgtools.errors import BadImage, HostError, ManyGuests, UsageError, shorten
from imgtools.filesystems.tar_reader import FILES, Member, read_members
from imgtools.records.image import DiskSource, Inside

MOST_MEMBERS = 1000  # an OVA has a handful; more is an archive of files
SMALLEST = (
    1 << 20
)  # bytes of a raw disk among other files: smaller ones are texts, keys, variables of a firmware
TEXTS = frozenset({".mf", ".cert", ".ovf", ".xml", ".json", ".txt", ".md", ".vmx", ".nvram", ".iso"})


def open_archive(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return the disks in an archive, as stretches of it.

    :raises BadImage: it is damaged, says what is not so, or holds no disk.
    :raises UsageError: it holds several disks that are not said to be one guest's.
    """
    with open_layer(source.host_path, source.inside) as file:
        archive = Archive(source, file)
        if work.member:
            return (archive.disk(archive.member(work.member), work),)
        if descriptor := archive.descriptor:
            return archive.machine(descriptor, work)
        return (archive.disk(archive.only_disk(), work),)


class Archive:
    """The members of an archive that is open."""

    def __init__(self, source: DiskSource, file: HostFile) -> None:
        self._source, self._file = source, file
        self._members: dict[str, Member] = {}
        for member in self._read():
            name = member.name.removeprefix("./")
            if name in self._members and not member.is_directory:
                raise BadImage(f"{source.name} has two members of one name: {shorten(name)}")
            self._members[name] = member

    def _read(self) -> Iterator[Member]:
        """Yield the members, but for directories; archives of tens of thousands are given up early."""
        stream = io.BufferedReader(Bytes(self._file), 8192)
        count = 0
        try:
            for member in read_members(stream, self._file.size):
                count += 1
                if count > MOST_MEMBERS:
                    raise BadImage(
                        f"{self._source.name} has more than {MOST_MEMBERS} members: files, not disks",
                        hint="imgtools tar-in puts an archive of files into a guest",
                    )
                if not member.is_directory:
                    yield member
        except HostError as error:
            raise BadImage(f"{self._source.name}: {error.message}", hint=error.hint) from None

    # -- members -----------------------------------------------------------------------------------------------

    @property
    def descriptor(self) -> Member | None:
        """The OVF descriptor; None: it is no OVA.

        :raises BadImage: there are several.
        """
        found = [one for name, one in self._members.items() if name.lower().endswith(".ovf")]
        if len(found) > 1:
            raise BadImage(f"{self._source.name} has {len(found)} OVF descriptors, and an OVA has one")
        return found[0] if found else None

    def member(self, name: str) -> Member:
        """Return the member of a name.

        :raises BadImage: there is none, or it is no regular file.
        """
        found = self._members.get(name)
        if found is None:
            names = ", ".join(shorten(one, 60) for one in list(self._members)[:20])
            raise BadImage(f"{self._source.name} has no {shorten(name)} in it", hint=f"it has: {names}")
        if found.kind not in FILES:
            raise BadImage(f"{member_of(self._source, shorten(name))} is no regular file")
        return found

    def only_disk(self) -> Member:
        """Return the one member that is a disk.

        :raises BadImage: there is none.
        :raises UsageError: there are several.
        """
        found = [name for name, one in self._members.items() if self._is_disk(name, one)]
        if not found:
            raise BadImage(
                f"{self._source.name} is a tar archive without a disk in it",
                hint="imgtools tar-in puts an archive of files into a guest",
            )
        if len(found) > 1:
            names = ", ".join(member_of(self._source, shorten(one, 60)) for one in found[:10])
            raise UsageError(
                f"{self._source.name} holds {len(found)} disks", hint=f"name one of them: {names}"
            )
        return self._members[found[0]]

    def _is_disk(self, name: str, member: Member) -> bool:
        if member.kind not in FILES or PurePosixPath(name).suffix.lower() in TEXTS:
            return False
        if member.parts is not None:
            return True
        with open_layer(self._source.host_path, self._stretch(name, member)) as file:
            return probe(file) != "raw" or bool(kind_of(file.read(0, 512))) or member.size >= SMALLEST

    def _content(self, member: Member, most: int) -> bytes:
        name = member_of(self._source, shorten(member.name))
        if member.size > most or member.parts is not None or member.kind not in FILES:
            raise BadImage(f"{name} is no plain file of at most {most} bytes")
        return self._file.read(member.offset, member.size)

    # -- an OVA ------------------------------------------------------------------------------------------------

    def machine(self, descriptor: Member, work: Work) -> tuple[DiskSource, ...]:
        """Return the disks of the machine that a descriptor describes."""
        name = member_of(self._source, descriptor.name)
        text = self._content(descriptor, LARGEST)
        digests, notes = self._digests(descriptor)
        if (wanted := digests.get(descriptor.name)) is not None:
            check_bytes(text, wanted, name)
        envelope = read_ovf(text, name)
        if len(envelope.machines) > 1:
            raise ManyGuests(
                f"{self._source.name} holds {len(envelope.machines)} machines",
                hint=f"name a disk of one: {self._source.name}/NAME",
            )
        found = [self._of_machine(disk, name, digests, work) for disk in envelope.disks if disk.file]
        if not found:
            raise BadImage(f"{name} describes a machine without a disk in its package")
        notes += [
            f"the disk {shorten(one.id)} is empty, and not in the package"
            for one in envelope.disks
            if not one.file
        ]
        return _with_notes(found, notes)

    def _digests(self, descriptor: Member) -> tuple[Mapping[str, Digest], list[str]]:
        """The digests of the manifest, and what there is to say of them."""
        stem = descriptor.name[: -len(".ovf")]
        notes = []
        if f"{stem}.cert" in self._members:
            notes.append("the certificate that signs the package is not looked at")
        manifest = self._members.get(f"{stem}.mf")
        if manifest is None:
            return {}, [*notes, "the package has no manifest: nothing tells whether its disks are whole"]
        digests = read_manifest(self._content(manifest, 1 << 20), member_of(self._source, manifest.name))
        for name in digests:
            if name not in self._members:
                raise BadImage(
                    f"{self._source.name}: {shorten(name)} is in the manifest, and not in the package"
                )
        return digests, notes

    def _of_machine(self, disk: OvfDisk, name: str, digests: Mapping[str, Digest], work: Work) -> DiskSource:
        assert disk.file is not None
        href = disk.file.href
        require_plain(href, name)
        if disk.file.is_chunked:
            raise BadImage(
                f"{name}: {shorten(href)} comes in several pieces, which are not read", hint="join them"
            )
        if disk.file.compression not in ("", "gzip"):
            raise BadImage(f"{name}: {shorten(href)} is packed with {shorten(disk.file.compression, 40)}")
        if href not in self._members:
            raise BadImage(f"{name} names {shorten(href)}, which is missing", hint="copy the package again")
        member = self.member(href)
        if disk.file.size not in (None, member.size):
            raise BadImage(
                f"{member_of(self._source, shorten(href))} has {member.size} bytes, and the descriptor says"
                f" {disk.file.size}",
                hint="copy the package again from where it is whole",
            )
        if work.digests and href in digests:
            shown = member_of(self._source, href)
            check_stretch(self._file, member.offset, member.size, digests[href], shown)
        found = self.disk(member, work, kind="OVA", checked=work.digests and href in digests)
        return replace(found, promised=disk.capacity or 0)

    # -- disks -------------------------------------------------------------------------------------------------

    def disk(self, member: Member, work: Work, *, kind: str = "tar", checked: bool = False) -> DiskSource:
        """Return a member as a disk.

        What is kept without its holes lies nowhere in one piece: it is put together first.
        """
        inside = self._stretch(member.name, member)
        if self._source.inside:
            kind = f"{self._source.inside.kind}, {kind}"
        if member.parts is not None:
            made = spool(WithHoles(self._file, member), inside.name, work, expected=member.size)
            how = f"put together once, {made.size} bytes in {made.path.parent.parent}: it is kept without its holes"
            whole = Inside(inside.name, made.size, is_whole=True, path=made.path, kind=kind, how=how)
            return replace(self._source, inside=whole)
        digest = "; its digest was compared" if checked else ""
        how = f"in place: {member.size} bytes from byte {member.offset} on{digest}"
        return replace(self._source, inside=replace(inside, kind=kind, how=how))

    def _stretch(self, name: str, member: Member) -> Inside:
        """Where a member lies, in whatever holds the archive."""
        holder = self._source.inside or Inside(self._source.name, self._file.size)
        return replace(
            holder,
            name=member_of(self._source, shorten(name.removeprefix("./"))),
            size=member.size,
            offset=holder.offset + member.offset,
            is_whole=False,
        )


def _with_notes(disks: Sequence[DiskSource], notes: Sequence[str]) -> tuple[DiskSource, ...]:
    """Give what there is to say to the first of some disks."""
    first, *others = disks
    assert first.inside is not None
    return (replace(first, inside=replace(first.inside, notes=(*first.inside.notes, *notes))), *others)


class WithHoles:
    """A member that is kept without its holes, read from its start to its end with them."""

    def __init__(self, file: HostFile, member: Member) -> None:
        self._pieces = self._all(file, member)

    def read(self, size: int, /) -> bytes:
        """Return the next piece, of at most so many bytes; none at the end."""
        self._size = size
        return next(self._pieces, b"")

    def _all(self, file: HostFile, member: Member) -> Iterator[bytes]:
        at, stored = 0, member.offset
        for start, length in [*((one.at, one.size) for one in member.parts or ()), (member.size, 0)]:
            while at < start:
                hole = bytes(min(self._size, start - at))
                yield hole
                at += len(hole)
            while at < start + length:
                piece = file.read(stored, min(self._size, start + length - at))
                if not piece:
                    raise BadImage(f"{file.name} became shorter while it was read")
                yield piece
                at, stored = at + len(piece), stored + len(piece)


class Bytes(io.RawIOBase):
    """A file of ours as a stream."""

    def __init__(self, file: HostFile) -> None:
        self._file, self._at = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + {0: 0, 1: self._at, 2: self._file.size}[whence]
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        found = self._file.read(self._at, min(len(buffer), MAX_PIECE))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
