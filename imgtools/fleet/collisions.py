"""Images of which one would be changed while another is read, or twice at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imgtools.disk.backing import examine
from imgtools.errors import ImagesCollide, ImgtoolsError
from imgtools.records.request import ImageRequest

_FILE = tuple[int, int]  # device and inode


class _Files(NamedTuple):
    """The files of an image: those that an edit writes to, and those below them."""

    written: frozenset[_FILE]
    read: frozenset[_FILE]


def refuse_collisions(images: Sequence[tuple[str, ImageRequest]]) -> None:
    """Make sure that no image writes into the files of another. Backing files may be shared: nothing writes to them.

    :param images: each with its name.
    :raises ImagesCollide: two are one, or one stands on another.
    """
    writers: dict[_FILE, str] = {}
    readers: dict[_FILE, str] = {}
    for name, request in images:
        files = _files(request)
        for one in files.written:
            if (other := writers.get(one)) is not None:
                raise ImagesCollide(f"{other} and {name} write into one file", hint="name it once")
            if (other := readers.get(one)) is not None:
                raise _stands_on(other, name)
        for one in files.read:
            if (other := writers.get(one)) is not None:
                raise _stands_on(name, other)
        writers.update(dict.fromkeys(files.written, name))
        readers.update(dict.fromkeys(files.read, name))


def _stands_on(upper: str, lower: str) -> ImagesCollide:
    return ImagesCollide(
        f"{upper} stands on {lower}, which would change below it", hint="leave one of them away"
    )


def _files(request: ImageRequest) -> _Files:
    """Look at headers alone. Of a chain that cannot be followed only the image's own file counts; it fails anyway."""
    written: set[_FILE] = set()
    read: set[_FILE] = set()
    for source in request.disks:
        if source.uri or source.host_path.is_dir():
            continue
        written.update(_numbers([source.host_path]))
        try:
            chain = examine(source, policy=request.backing, budget=0, ask_qemu=False).chain
        except ImgtoolsError:
            continue
        written.update(_numbers(chain[0].extents))
        for layer in chain[1:]:
            read.update(_numbers([layer.host_path, *layer.extents]))
    return _Files(frozenset(written), frozenset(read))


def _numbers(paths: Sequence[Path]) -> Iterator[_FILE]:
    for path in paths:
        try:
            found = path.stat()
        except (OSError, ValueError):
            continue
        yield found.st_dev, found.st_ino
