"""A guest made of Python objects: the filesystem and session of the unit tests.

It answers the same protocols as the real engines (``imgtools/engine/api.py``); ``tests/contract`` holds it to
them.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pytest

from imgtools.engine.api import Session
from imgtools.errors import EditFailed
from imgtools.files.paths import parent_of
from imgtools.files.tree import GuestTree
from imgtools.image.handle import DiskServers, Image
from imgtools.image.router import Router
from imgtools.records.disks import Declined, Disk, Holder, Layout, Volume
from imgtools.records.files import FileEntry, FileKind, FileStat
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.usage import Usage
from imgtools.volumes.volume_file import DiskFile


@dataclass(frozen=True)
class Node:
    """One file of the in-memory guest, with everything that can be said of it."""

    kind: FileKind = FileKind.FILE
    content: bytes = b""
    target: str = ""
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)


def link(target: str) -> Node:
    """A symbolic link."""
    return Node(FileKind.LINK, target=target)


def directory(mode: int = 0o755) -> Node:
    """An empty directory."""
    return Node(FileKind.DIRECTORY, mode=mode)


Content = str | bytes | Node


class MemoryFilesystem:
    """A filesystem in a dict: path to text, bytes or :class:`Node`. Missing parents are made."""

    def __init__(self, files: Mapping[str, Content], *, ignores_case: bool = False) -> None:
        self._ignores_case = ignores_case
        self.nodes: dict[str, Node] = {"/": directory()}
        for path, content in files.items():
            self.put(path, content)

    def put(self, path: str, content: Content) -> None:
        """Add or replace one file, and the directories above it."""
        above = parent_of(path)
        if above not in self.nodes:
            self.put(above, directory())
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        self.nodes[path] = Node(content=content) if isinstance(content, bytes) else content

    @property
    def ignores_case(self) -> bool:
        return self._ignores_case

    def lookup(self, path: str) -> FileStat | None:
        node = self.nodes.get(path)
        if node is None:
            return None
        defaults = {FileKind.DIRECTORY: 0o755, FileKind.LINK: 0o777}
        mode = node.mode if node.mode is not None else defaults.get(node.kind, 0o644)
        size = len(node.target.encode("utf-8", "surrogateescape")) if node.target else len(node.content)
        inode = list(self.nodes).index(path) + 2
        return FileStat(node.kind, size, mode, node.uid, node.gid, inode=inode, mtime=node.mtime)

    def scan(self, path: str) -> Sequence[FileEntry]:
        entries = []
        for name in self.nodes:
            stat = self.lookup(name)
            if name != "/" and parent_of(name) == path and stat is not None:
                entries.append(FileEntry(name.rpartition("/")[2], stat))
        return entries

    def read_link(self, path: str) -> str:
        return self.nodes[path].target

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self.nodes[path].content)

    def xattrs(self, path: str) -> Mapping[str, bytes]:
        return self.nodes[path].xattrs

    def usage(self) -> Usage:
        used = sum(len(node.content) for node in self.nodes.values())
        return Usage(1 << 30, (1 << 30) - used, (1 << 30) - used, 65536, 65536 - len(self.nodes))


class MemoryWriter(MemoryFilesystem):
    """An in-memory filesystem that can be written; implements FilesystemWriter.

    ``room`` bytes fit in; names of one file share a number in ``same``, as hard links do.
    """

    def __init__(
        self, files: Mapping[str, Content], *, ignores_case: bool = False, room: int = 1 << 30
    ) -> None:
        self.room = room
        self.same: dict[str, int] = {}
        super().__init__(files, ignores_case=ignores_case)

    def _set(self, path: str, **facts: object) -> None:
        """Change facts of a file under all its names."""
        number = self.same.get(path)
        names = [name for name, one in self.same.items() if one == number] if number else [path]
        for name in names:
            self.nodes[name] = replace(self.nodes[name], **facts)  # type: ignore[arg-type]

    def _new(self, path: str, node: Node) -> None:
        if path in self.nodes:
            raise EditFailed(f"exists: {path}")
        if self.nodes[parent_of(path)].kind is not FileKind.DIRECTORY:
            raise EditFailed(f"not a directory: {parent_of(path)}")
        self.nodes[path] = node

    def write(self, path: str, content: BinaryIO) -> None:
        held = bytearray()
        while chunk := content.read(1 << 20):
            held += chunk
        if sum(len(node.content) for node in self.nodes.values()) + len(held) > self.room:
            raise EditFailed(f"no room for {path}")
        if path not in self.nodes:
            self._new(path, Node())
        self._set(path, content=bytes(held))

    def truncate(self, path: str) -> None:
        self._set(path, content=b"")

    def remove(self, path: str) -> None:
        if any(parent_of(name) == path for name in self.nodes if name != "/"):
            raise EditFailed(f"not empty: {path}")
        del self.nodes[path]
        self.same.pop(path, None)

    def remove_tree(self, path: str) -> None:
        for name in sorted(self.nodes, reverse=True):
            if name == path or name.startswith(path.rstrip("/") + "/"):
                self.remove(name)

    def make_directory(self, path: str, mode: int) -> None:
        self._new(path, directory(mode))

    def make_link(self, path: str, target: str) -> None:
        self._new(path, link(target))

    def make_hard_link(self, path: str, target: str) -> None:
        number = self.same.setdefault(target, max(self.same.values(), default=0) + 1)
        self._new(path, self.nodes[target])
        self.same[path] = number

    def make_special(self, path: str, kind: FileKind, device: tuple[int, int], mode: int) -> None:
        self._new(path, Node(kind, mode=mode))

    def rename(self, path: str, to: str) -> None:
        names = [name for name in self.nodes if name == path or name.startswith(path + "/")]
        moved = [(to + name[len(path) :], self.nodes[name], self.same.get(name)) for name in names]
        self.remove_tree(path)
        for name, node, number in moved:
            self.nodes[name] = node
            if number is not None:
                self.same[name] = number

    def set_mode(self, path: str, mode: int) -> None:
        self._set(path, mode=mode)

    def set_owner(self, path: str, uid: int, gid: int) -> None:
        kept = self.nodes[path].mode
        # As Linux: chown takes the set-user-ID bits away.
        self._set(path, uid=uid, gid=gid, mode=None if kept is None else kept & ~0o6000)

    def set_times(self, path: str, atime: int, mtime: int) -> None:
        self._set(path, mtime=mtime)

    def set_xattr(self, path: str, name: str, value: bytes) -> None:
        self._set(path, xattrs={**self.nodes[path].xattrs, name: value})

    def remove_xattr(self, path: str, name: str) -> None:
        self._set(path, xattrs={key: value for key, value in self.nodes[path].xattrs.items() if key != name})


def memory_volume(device: str = "/dev/sda1", content: str = "ext4", **facts: str) -> Volume:
    """A volume record for the in-memory guest."""
    return replace(Volume(device, Holder.PARTITION, 1 << 30, content), **facts)  # type: ignore[arg-type]


class MemorySession:
    """An engine session over in-memory filesystems, one a volume."""

    def __init__(
        self,
        filesystems: Mapping[Volume, MemoryFilesystem],
        layout: Layout | None = None,
        engine: Engine = Engine.MEMORY,
    ) -> None:
        self.engine = engine
        self.closed = False
        self.devices: dict[str, DiskFile] = {}  # the bytes of those that have any
        self._filesystems = dict(filesystems)
        self._layout = layout or Layout((Disk("/dev/sda", 2 << 30),), volumes=tuple(self._filesystems))

    def layout(self) -> Layout:
        return self._layout

    def mount(self, volume: Volume, options: str = "") -> MemoryFilesystem | Declined:
        if volume not in self._filesystems:
            return Declined(volume.device, "no filesystem")
        return self._filesystems[volume]

    def volume_file(self, device: str) -> DiskFile | None:
        return self.devices.get(device)

    disk_file = volume_file

    def close(self) -> None:
        self.closed = True


def memory_files(files: Mapping[str, Content], *, ignores_case: bool = False) -> GuestTree:
    """The reader of a guest with one in-memory filesystem at ``/``."""
    return GuestTree({"/": MemoryFilesystem(files, ignores_case=ignores_case)}, Engine.MEMORY)


def _itself(session: MemorySession) -> MemorySession:
    return session


def memory_image(*sessions: MemorySession, disks: int = 1) -> Image:
    """An open image over in-memory sessions: the first is the direct engine, a second the appliance."""
    engines = (Engine.DIRECT, Engine.APPLIANCE)
    openers: dict[Engine, Callable[[], Session]] = {
        engine: functools.partial(_itself, session)
        for engine, session in zip(engines, sessions, strict=False)
    }
    source = DiskSource(Path("memory.img"))
    servers = DiskServers((), (), ExitStack())
    return Image([ImageInfo(source, "raw", 2 << 30, 1 << 20, chain=())], Router(openers), servers)


def memory_guest_image(files: Mapping[str, Content]) -> Image:
    """An image with one in-memory filesystem that holds ``files``."""
    return memory_image(MemorySession({memory_volume(): MemoryFilesystem(files)}))


def serve(monkeypatch: pytest.MonkeyPatch, workflow: str, image: Image) -> ImageRequest:
    """Make ``imgtools.workflows.<workflow>`` open ``image`` whatever it is asked for; return a request."""

    @contextmanager
    def open_request(request: ImageRequest) -> Iterator[Image]:
        yield image

    monkeypatch.setattr(f"imgtools.workflows.{workflow}.open_request", open_request)
    return ImageRequest((DiskSource(Path("memory.img")),))
