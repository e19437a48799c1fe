"""``qemu-img map`` as a stream: a disk can have millions of extents, and none of them is kept."""

from __future__ import annotations

import logging
import re
import shlex
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imgtools.engine.confined.start import start_program
from imgtools.engine.process import Completed, full
from imgtools.engine.qemu.img.running import WORKING, images_fence, named
from imgtools.engine.qemu.nodes import Node, secret_objects
from imgtools.errors import EngineFailed

log = logging.getLogger(__name__)

CHUNK = 256 << 10


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of the disk that is alike. ``depth`` counts layers from the image (0) down to its base."""

    start: int
    length: int
    depth: int
    present: bool  # some layer of the chain says something of it
    zero: bool  # it reads as zeros
    data: bool  # bytes are stored for it
    offset: int | None = None  # where in the layer's file, if it lies there as it is
    compressed: bool = False


@contextmanager
def map_stream(node: Node, *, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
    """Run ``qemu-img map --output=json`` and yield its standard output in pieces.

    :raises ImgtoolsError: when the pieces are used up: qemu-img failed.
    """
    words = ["--output=json", "-U", f"--start-offset={start}"]
    words += [f"--max-length={length}"] if length is not None else []
    with secret_objects(node.secrets) as (objects, descriptors), tempfile.TemporaryFile() as complaints:
        argv = ["qemu-img", "map", *objects, *words, "--image-opts", node.opts]
        log.debug("run: %s", shlex.join(argv))
        fence = images_fence([node])
        process = start_program(full(argv), fence, limits=WORKING, stderr=complaints, pass_fds=descriptors)

        def pieces() -> Iterator[bytes]:
            assert process.stdout
            while piece := process.stdout.read(CHUNK):
                yield piece
            if process.wait() != 0:
                complaints.seek(0)
                raise named(Completed(tuple(argv), process.returncode, b"", complaints.read(1 << 16)))

        with process:
            try:
                yield pieces()
            finally:
                # Whoever asked may have seen enough.
                process.kill()


def map_extents(node: Node, *, start: int = 0, length: int | None = None) -> Iterator[Extent]:
    """Yield the extents of an image in order."""
    with map_stream(node, start=start, length=length) as pieces:
        yield from parse_extents(pieces)


# One extent as qemu-img writes it, a line each. Reading a million of them as JSON would take twice the time.
_EXTENT = re.compile(
    rb'\{ "start": (\d+), "length": (\d+), "depth": (\d+), (?:"present": (true|false), )?'
    rb'"zero": (true|false), "data": (true|false)(?:, "compressed": (true|false))?(?:, "offset": (\d+))?'
)


def parse_extents(pieces: Iterable[bytes]) -> Iterator[Extent]:
    """Read the JSON list that ``qemu-img map`` writes, wherever it was cut into pieces.

    :raises EngineFailed: a line of it is no extent.
    """
    rest = b""
    for piece in pieces:
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        yield from _parse_lines(whole + newline)
        if len(rest) > CHUNK:
            raise EngineFailed("qemu-img map wrote a line that does not end")
    yield from _parse_lines(rest)


def _parse_lines(lines: bytes) -> Iterator[Extent]:
    found = _EXTENT.findall(lines)
    if len(found) != lines.count(b"{"):
        raise EngineFailed("qemu-img map wrote something that is no extent")
    for start, length, depth, present, zero, data, compressed, offset in found:
        yield Extent(
            start=int(start),
            length=int(length),
            depth=int(depth),
            present=present != b"false",
            zero=zero == b"true",
            data=data == b"true",
            offset=int(offset) if offset else None,
            compressed=compressed == b"true",
        )
