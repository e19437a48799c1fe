"""Write a picture of a disk into a file of its own."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from pathlib import Path

from imgtools.errors import HostError, NoRoom, UsageError
from imgtools.image.new_file import new_file

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_picture(target: Path, draw: Callable[[], str], *, force: bool, images: Iterable[Path]) -> None:
    """Write what ``draw`` returns to a new file: whole, or not at all.

    :param force: take the place of a file that is there.
    :param images: the files that the picture is of, which it must not replace.
    :raises TargetExists: there is such a file, and ``force`` is not given. Nothing was drawn then.
    :raises UsageError: the file is one of the image.
    """
    for image in images:
        if _is_same(target, image):
            raise UsageError(f"the picture would replace the image: {target}", hint="choose another name")
    with new_file(target, force=force) as draft:
        text = draw()
        try:
            draft.host_path.write_text(text, encoding="utf-8")
        except OSError as error:
            if error.errno in FULL:
                raise NoRoom(f"no room left for {target}") from None
            raise HostError(f"cannot write {target}: {error.strerror}") from None


def _is_same(target: Path, image: Path) -> bool:
    try:
        return target.samefile(image)
    except OSError:  # no such file, mostly; whatever else it is, making the new file names it
        return False
