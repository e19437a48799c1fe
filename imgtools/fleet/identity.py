"""What tells that an image is as it was: path, size, time of change and inode of its files and of its chain's."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imgtools.disk.backing import examine
from imgtools.errors import ImgtoolsError
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, ImageRequest


class Identity(NamedTuple):
    """``text`` is the same as long as the image is; "" where nobody can tell, so that it is asked each time."""

    text: str
    size: int | None = None  # bytes of the first file
    modified: int | None = None  # nanoseconds since 1970


def identify(request: ImageRequest) -> Identity:
    """Look at the files of an image, from the outside and at their headers; nothing is raised.

    Of a chain that cannot be followed only the image's own file counts: what is missing may come back, and then the
    chain is another.
    """
    files: list[tuple[str, int, int, int]] = []
    for source in request.disks:
        if source.uri or source.host_path.is_dir():
            return Identity("")
        for path in _files(source, request.backing):
            try:
                found = path.stat()
            except (OSError, ValueError):
                return Identity("")
            files.append((os.fspath(path.absolute()), found.st_size, found.st_mtime_ns, found.st_ino))
    if not files:
        return Identity("")
    how = [[one.snapshot for one in request.disks], request.root, request.mounts]
    words = json.dumps([files, how]).encode("ascii")
    return Identity(hashlib.sha256(words).hexdigest(), files[0][1], files[0][2])


def _files(source: DiskSource, policy: Backing) -> Iterator[Path]:
    yield source.host_path
    try:
        chain = examine(source, policy=policy, budget=0, ask_qemu=False).chain
    except ImgtoolsError:
        return
    for depth, layer in enumerate(chain):
        yield from (layer.host_path,) if depth else ()
        yield from layer.extents
