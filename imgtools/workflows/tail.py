"""The end of a file of a guest, and what comes behind it while a program that runs the guest writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from imgtools.errors import NoSuchGuestFile
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.find.tree import view_files
from imgtools.image.handle import open_request
from imgtools.records.files import FileKind
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned
from imgtools.workflows.watched import RUNNING, Watched

BLOCK = 1 << 16  # bytes that are read at a time from the end of a file
PIECE = 1 << 20
GONE = -1  # the inode of no file
HELD = 64 << 20  # bytes of a report; what follows is never held


@dataclass(frozen=True, slots=True)
class TailPart:
    """How much of a file: its last ``count`` lines, or bytes; ``from_start``: from that one on, the first is 1."""

    count: int = 10
    in_bytes: bool = False
    from_start: bool = False


@dataclass(frozen=True, slots=True)
class TailReport:
    """The end of a file; bytes of ``content`` that are not UTF-8 are surrogate escapes."""

    image: str
    engine: Engine
    path: str
    size: int
    content: str
    warnings: tuple[Warned, ...] = ()


def read_tail(request: ImageRequest, path: str, part: TailPart) -> TailReport:
    """Return the end of a file.

    :raises NoSuchGuestFile: it is not there.
    :raises NotAFile: it is a directory or a device.
    """
    with open_request(request) as image:
        view = view_files(image, request)
        true_path = view.files.resolve(view.path(path))
        with view.files.open(true_path) as stream:
            size = view.files.stat(true_path).size
            stream.seek(_begin(stream, size, part))
            content = stream.read(HELD)
        text = content.decode("utf-8", "surrogateescape")
        return TailReport(request.name, view.files.served_by, true_path, size, text, view.warnings)


def follow_tail(
    request: ImageRequest,
    path: str,
    part: TailPart,
    *,
    pause: Callable[[], None],
    warn: Callable[[Warned], None],
) -> Iterator[bytes]:
    """Yield the end of a file, and then what is added to it, for ever: the image is opened anew behind each pause.

    A file by the name that is another one now, as after a rotation, is read from its beginning, when what was added to
    the old one has been found under its new name. One that became shorter is read from its beginning, too. Where no
    file of the image has changed, nothing is opened.

    :param pause: waits; whatever it raises ends this.
    :param warn: takes what there is to know, between the bytes.
    :raises NoSuchGuestFile: it is not there, when this begins.
    :raises NotAFile: it is a directory or a device.
    """
    request = replace(request, share=True)
    with open_request(request) as image:
        view = view_files(image, request)
        for warning in (*view.warnings, Warned(RUNNING)):
            warn(warning)
        watched = Watched(image)
        true_path = view.files.resolve(view.path(path))
        facts = view.files.stat(true_path)
        with view.files.open(true_path) as stream:
            follower = _Follower(view.path(path), facts.inode, _begin(stream, facts.size, part))
        yield from follower.read(view.files, true_path, facts.size)
        mounts = view.mounts
    told: set[str] = set()
    while True:
        pause()
        if not watched.has_changed():
            continue
        try:
            with open_request(request) as image:
                yield from follower.added(image.files(mounts), warn)
        except DAMAGE as error:  # it is being written: the next look may find it whole
            if error.message not in told:
                told.add(error.message)
                warn(Warned(f"cannot be read now: {error.message}", path))


class _Follower:
    """How far a file was read, whatever it is called by now."""

    def __init__(self, name: str, inode: int, offset: int) -> None:
        self._name, self._inode, self._offset = name, inode, offset

    def added(self, files: GuestReader, warn: Callable[[Warned], None]) -> Iterator[bytes]:
        """Yield what was added since; a file that is not there may come back."""
        try:
            path = files.resolve(self._name)
        except NoSuchGuestFile:
            # One that comes back is another, though it may have the inode of this one.
            if self._inode != GONE:
                yield from self._rest(files, self._name, warn)
                self._inode = GONE
            return
        facts = files.stat(path)
        if facts.inode != self._inode:
            if self._inode != GONE:
                yield from self._rest(files, path, warn)
            self._inode, self._offset = facts.inode, 0
        elif facts.size < self._offset:
            warn(Warned("became shorter, and is read from its beginning", path))
            self._offset = 0
        yield from self.read(files, path, facts.size)

    def _rest(self, files: GuestReader, path: str, warn: Callable[[Warned], None]) -> Iterator[bytes]:
        """Yield what was added to the file before it got another name in its folder."""
        folder = parent_of(path)
        for entry in files.list_dir(folder):
            if entry.stat.inode == self._inode and entry.stat.kind is FileKind.FILE:
                yield from self.read(files, join(folder, entry.name), entry.stat.size)
                return
        warn(
            Warned("was removed or replaced; what was added to the former file last is gone, or packed", path)
        )

    def read(self, files: GuestReader, path: str, end: int) -> Iterator[bytes]:
        """Yield the bytes up to ``end``."""
        with files.open(path) as stream:
            stream.seek(self._offset)
            while self._offset < end and (piece := stream.read(min(PIECE, end - self._offset))):
                self._offset += len(piece)
                yield piece


def _begin(stream: BinaryIO, size: int, part: TailPart) -> int:
    """Return where the wanted part of a file begins."""
    if part.in_bytes:
        return min(size, max(0, part.count - 1)) if part.from_start else max(0, size - part.count)
    return _line(stream, size, part.count - 1) if part.from_start else _last_lines(stream, size, part.count)


def _line(stream: BinaryIO, size: int, number: int) -> int:
    """Return where a line begins, counted from 0; the end of the file, if it has no such line."""
    at = 0
    while number > 0 and (block := stream.read(BLOCK)):
        ends = block.count(b"\n")
        if ends < number:
            number, at = number - ends, at + len(block)
            continue
        inside = -1
        for _ in range(number):
            inside = block.index(b"\n", inside + 1)
        return at + inside + 1
    return at if number <= 0 else size


def _last_lines(stream: BinaryIO, size: int, count: int) -> int:
    """Return where the last lines begin; a last one without its end is one, too."""
    if not count or not size:
        return size
    at, left = size, count
    while at > 0:
        begin = max(0, at - BLOCK)
        stream.seek(begin)
        block = stream.read(at - begin)
        inside = len(block) - 1 if at == size and block.endswith(b"\n") else len(block)
        while (inside := block.rfind(b"\n", 0, inside)) >= 0:
            left -= 1
            if not left:
                return begin + inside + 1
        at = begin
    return 0
