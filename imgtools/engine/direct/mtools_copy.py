"""Many files into a new FAT by mtools: the folders of a level by one mmd, the files of a folder by one mcopy."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.direct.write_fat import CHECK, ENVIRONMENT, SAFE
from imgtools.engine.mkfs import clock_of
from imgtools.engine.process import Fence, Kind, ToolFailed, run
from imgtools.errors import EditFailed, NoRoom

MOST_BYTES = 64 << 10  # of one command's words; the kernel takes two megabytes


class CannotCopy(Exception):
    """mtools does not take a name as it is."""


@dataclass(frozen=True, slots=True)
class FatFile:
    """A file of the host, which has the name already that it shall have."""

    name: str
    host_path: Path


def make_folders(volume: Path, paths: Sequence[str], moment: int | None) -> None:
    """Make directories whose parents are there.

    :raises CannotCopy: a name is none that mtools takes.
    :raises EditFailed: it fails.
    """
    for some in _bunches([_name(path) for path in paths]):
        _run("mmd", volume, some, (), moment)


def copy_files(
    volume: Path, folder: str, files: Sequence[FatFile], scratch: Path, moment: int | None
) -> None:
    """Copy files with their times into a directory.

    :raises CannotCopy: a name is none that mtools takes.
    :raises EditFailed: it fails.
    """
    for one in files:
        _name(f"/{one.name}")
    by_path = {os.fspath(one.host_path): one.host_path for one in files}
    for some in _bunches(list(by_path)):
        reads = (scratch, *(by_path[path] for path in some), *(by_path[path].resolve() for path in some))
        _run("mcopy", volume, ["-m", *some, _name(folder) + "/"], reads, moment)


def _name(path: str) -> str:
    if path and not SAFE.fullmatch(path):
        raise CannotCopy(f"mtools does not take the name {path!r}")
    return f"::{path}"


def _bunches(words: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    for word in words:
        some.append(word)
        if sum(map(len, some)) > MOST_BYTES:
            yield some
            some = []
    if some:
        yield some


def _run(program: str, volume: Path, words: Sequence[str], reads: Sequence[Path], moment: int | None) -> None:
    argv = [program, "-i", os.fspath(volume), *words]
    fence = Fence(Kind.WRITER, tuple(reads), (volume,))
    try:
        run(argv, fence, limits=CHECK, env={**ENVIRONMENT, **clock_of(moment)})
    except ToolFailed as error:
        said = error.done.stderr.decode("utf-8", "replace")
        if "Disk full" in said or "No free" in said:
            raise EditFailed("the new filesystem has no room left") from None
        if "No space left" in said:
            raise NoRoom("no room left on the host for the image") from None
        raise EditFailed(f"cannot fill the FAT: {error.message}") from None
