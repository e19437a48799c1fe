"""Which other images of a folder stand on an image: whoever changes a base changes all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from imgtools.disk.headers import open_host_file, probe, read_header
from imgtools.disk.transaction.sidecar import sidecar_of
from imgtools.errors import ImgtoolsError

MOST_FILES = 10_000  # of a folder; beyond them it is no folder of images


def overlays_of(base: Path, *, besides: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Return the images in the base's folder that name it as their backing file.

    What a killed edit of the base has left beside it is none: the next edit throws it away.

    :param besides: images that are known already.
    """
    known = {os.path.realpath(path) for path in (*besides, sidecar_of(base).overlay)}
    wanted = os.path.realpath(base)
    found = []
    for path in _files(Path(wanted).parent):
        if os.path.realpath(path) not in known and wanted in _backing_of(path):
            found.append(path)
    return tuple(found)


def _files(folder: Path) -> Iterator[Path]:
    for number, entry in enumerate(sorted(os.scandir(folder), key=lambda one: one.name)):
        if number == MOST_FILES:
            return
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _backing_of(path: Path) -> tuple[str, ...]:
    """Return the resolved path of an image's backing file, if it has one."""
    try:
        with open_host_file(path) as file:
            format = probe(file)
            if format == "raw":
                return ()
            name = read_header(file, format, 0, may_be_cut=True).backing
    except ImgtoolsError:
        return ()
    return (os.path.realpath(path.parent / os.fsdecode(name)),) if name and b"\0" not in name else ()
