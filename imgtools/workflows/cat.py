"""Read files of a guest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from imgtools.guest.find.tree import FileView, view_files
from imgtools.image.handle import open_request
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import Warned

CHUNK = 1 << 20  # bytes held at a time, however large the file is


@dataclass(frozen=True, slots=True)
class FileContent:
    """One file, whole; bytes of ``content`` that are not UTF-8 are surrogate escapes."""

    path: str
    size: int
    content: str


@dataclass(frozen=True, slots=True)
class CatReport:
    """The files asked for, in the order asked."""

    image: str
    engine: Engine
    files: tuple[FileContent, ...]
    warnings: tuple[Warned, ...] = ()


def read_contents(request: ImageRequest, paths: Sequence[str]) -> CatReport:
    """Read the files whole, for a report; a file of more than 64 MiB is an error. A path may be a shell pattern.

    :raises GuestFileTooBig: one of them is too large to be held.
    """
    with open_request(request) as image:
        view = view_files(image, request)
        found = []
        for path in _named(view, paths):
            true_path = view.files.resolve(path)
            content = view.files.read_bytes(true_path)
            found.append(FileContent(true_path, len(content), content.decode("utf-8", "surrogateescape")))
        return CatReport(request.name, view.files.served_by, tuple(found), view.warnings)


def read_files(
    request: ImageRequest, paths: Sequence[str], *, warn: Callable[[Warned], None] = lambda _: None
) -> Iterator[bytes]:
    """Yield the bytes of the files, one after the other, in chunks. A path may be a shell pattern.

    Every file is opened before the first byte is given out, so that a wrong path is an error with no output.

    :param warn: takes what there is to know of the image, before the first byte.

    :raises NoSuchGuestFile: one of them is not there.
    :raises NotAFile: one of them is a directory or a device.
    """
    with open_request(request) as image:
        view = view_files(image, request)
        for warning in view.warnings:
            warn(warning)
        streams = [view.files.open(path) for path in _named(view, paths)]
        for stream in streams:
            yield from _chunks(stream)


def _named(view: FileView, paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        yield from view.named(path)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(CHUNK):
            yield chunk
