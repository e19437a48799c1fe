"""A new folder with an image of each disk of a guest: there as a whole, or not at all.

One rename makes it, so no moment shows some of the images. That is why it must not be there yet, or be empty.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from imgtools.disk.new_file import scratch_folder, sync_file, sync_folder
from imgtools.errors import EngineFailed, HostError, NoRoom, TargetExists
from imgtools.records.image import ImageInfo

# Of each format that edits write, the ending of a file's name.
SUFFIXES = {
    "raw": ".raw",
    "qcow2": ".qcow2",
    "qed": ".qed",
    "vdi": ".vdi",
    "vhdx": ".vhdx",
    "vmdk": ".vmdk",
    "vpc": ".vhd",
}
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


@contextmanager
def new_folder(target: Path, sources: Sequence[ImageInfo]) -> Iterator[Path]:
    """Yield an empty folder; when the block ends well, it is at ``target`` with all that is in it.

    :param sources: what it is made of: nobody may read the files who may not read all of them.
    :raises TargetExists: there is something, and it is no empty folder.
    :raises HostError: the folder that it is made in is missing or cannot be written.
    :raises NoRoom: the host's disk is full.
    """
    target = Path(os.path.realpath(target))
    refuse_folder(target)
    with scratch_folder(target.parent) as scratch:
        folder = scratch / target.name
        folder.mkdir()
        try:
            yield folder
        except EngineFailed as error:
            error.message = error.message.replace(f"{folder}/", "")  # a name that nobody has given
            raise
        try:
            _finish(folder, target, sources)
        except OSError as error:
            raise _failed(error, target) from None


def refuse_folder(target: Path) -> None:
    """Make sure that a new folder may be made at ``target``: nothing is there, or an empty folder.

    :raises TargetExists: something else is.
    :raises HostError: it cannot be looked at, or the folder above it is missing.
    """
    real = Path(os.path.realpath(target))
    if not real.parent.is_dir():
        raise HostError(f"no such folder: {real.parent}")
    try:
        with os.scandir(real) as found:
            taken = next(found, None) is not None
    except FileNotFoundError:
        return
    except NotADirectoryError:
        taken = True
    except OSError as error:
        raise HostError(f"cannot look into {target}: {error.strerror}") from None
    if taken:
        raise _taken(target)


def image_names(infos: Sequence[ImageInfo], format: str | None) -> tuple[str, ...]:
    """Return a file name for an image of each disk: the disks' own, or numbers where one is odd or two are the same.

    :param format: of the new images; None: each as its disk.
    """
    stems = [Path(info.source.name).stem for info in infos]
    if len(set(stems)) < len(stems) or not all(map(_PLAIN.fullmatch, stems)):
        stems = [f"disk{number}" for number in range(1, len(infos) + 1)]
    formats = [format or info.chain[0].format for info in infos]
    return tuple(f"{stem}{SUFFIXES[one]}" for stem, one in zip(stems, formats, strict=True))


def _finish(folder: Path, target: Path, sources: Sequence[ImageInfo]) -> None:
    allowed = _allowed(sources)
    for path in folder.iterdir():
        path.chmod(stat.S_IMODE(path.stat().st_mode) & (allowed | 0o600))
        sync_file(path)
    sync_folder(folder)
    with suppress(FileNotFoundError):
        folder.chmod(stat.S_IMODE(target.stat().st_mode))
    folder.rename(target)
    sync_folder(target.parent)


def _allowed(sources: Sequence[ImageInfo]) -> int:
    allowed = 0o777
    for layer in (layer for info in sources for layer in info.chain if layer.has_file):
        for path in (layer.host_path, *layer.extents):
            allowed &= stat.S_IMODE(path.stat().st_mode)
    return allowed


def _failed(error: OSError, target: Path) -> HostError:
    if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
        return _taken(target)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoRoom(f"no room left for {target}")
    return HostError(f"cannot make {target}: {error.strerror}")


def _taken(target: Path) -> TargetExists:
    return TargetExists(
        f"{target} is there already: images of several disks go into a new folder",
        hint="name a folder that is not there yet, or is empty",
    )
