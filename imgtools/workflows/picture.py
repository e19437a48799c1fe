"""Write a picture of a disk into a file of its own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from imgtools.errors import HostError, NoRoom, UsageError
from imgtools.image.backing import examine
from imgtools.image.new_file import new_file
from imgtools.records import ImageRequest

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_picture(request: ImageRequest, target: Path, draw: Callable[[], str], *, force: bool) -> None:
    """Write what ``draw`` returns to a new file: whole, or not at all.

    :param force: take the place of a file that is there.
    :param request: the image that the picture is of; none of its files is replaced.
    :raises TargetExists: there is such a file, and ``force`` is not given. Nothing was drawn then.
    :raises UsageError: the file is one of the image.
    """
    if force and any(_is_same(target, image) for image in _files_of(request)):
        raise UsageError(f"the picture would replace the image: {target}", hint="choose another name")
    with new_file(target, force=force) as draft:
        text = draw()
        try:
            draft.host_path.write_text(text, encoding="utf-8")
        except OSError as error:
            if error.errno in FULL:
                raise NoRoom(f"no room left for {target}") from None
            raise HostError(f"cannot write {target}: {error.strerror}") from None


def _files_of(request: ImageRequest) -> Iterator[Path]:
    for disk in request.disks:
        for layer in examine(disk, policy=request.backing).chain:
            yield from (layer.host_path, *layer.extents)


def _is_same(target: Path, image: Path) -> bool:
    try:
        return target.samefile(image)
    except OSError:  # no such file, mostly; whatever else it is, making the new file names it
        return False
