"""A text that a command has made, in a new file of the host: whole, or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.new_file import new_file, refuse_own_files
from imgtools.errors import HostError, NoRoom
from imgtools.records.request import ImageRequest

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_text_file(
    request: ImageRequest, target: Path, make: Callable[[], str | Iterator[str]], *, overwrite: bool
) -> None:
    """Write what ``make`` returns to a new file: a text, or its pieces one after another.

    :param overwrite: take the place of a file that is there.
    :param request: the image that the text is about; none of its files is replaced.
    :raises TargetExists: there is such a file, and ``overwrite`` is not given. Nothing was made then.
    :raises UsageError: the file is one of the image.
    """
    if overwrite:
        refuse_own_files([examine(disk, policy=request.backing) for disk in request.disks], target)
    with new_file(target, overwrite=overwrite) as draft:
        made = make()
        pieces = (made,) if isinstance(made, str) else made
        try:
            with draft.host_path.open("w", encoding="utf-8", newline="\n") as stream:
                stream.writelines(pieces)
        except OSError as error:
            if error.errno in FULL:
                raise NoRoom(f"no room left for {target}") from None
            raise HostError(f"cannot write {target}: {error.strerror}") from None
