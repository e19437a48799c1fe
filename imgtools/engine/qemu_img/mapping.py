"""``qemu-img map`` as a stream: a disk can have millions of extents, and none of them is kept."""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imgtools.engine.process import Completed, clean_environment, limited
from imgtools.engine.qemu_img.nodes import Node, secret_objects
from imgtools.engine.qemu_img.running import WORKING, named
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
        process = subprocess.Popen(
            limited(argv, WORKING),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            pass_fds=descriptors,
            env=clean_environment(),
        )

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
        for line in lines(pieces):
            yield parse_extent(line)


def lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the JSON object of each extent; qemu-img writes one a line, in one list."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if found := line.strip(b"[], \r\n"):
                yield found
        if len(rest) > CHUNK:
            raise EngineFailed("qemu-img map wrote a line that does not end")
    if found := rest.strip(b"[], \r\n"):
        yield found


def parse_extent(line: bytes) -> Extent:
    """Parse the JSON object of one extent."""
    try:
        told = json.loads(line)
        return Extent(
            start=told["start"],
            length=told["length"],
            depth=told["depth"],
            present=told.get("present", True),
            zero=told["zero"],
            data=told["data"],
            offset=told.get("offset"),
            compressed=told.get("compressed", False),
        )
    except (ValueError, KeyError, TypeError):
        raise EngineFailed("qemu-img map wrote no JSON") from None
