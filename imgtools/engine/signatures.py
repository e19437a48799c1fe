"""The marks that filesystems, members of groups and tables are known by, taken away by wipefs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from imgtools.engine.process import Fence, Kind, Limits, ToolFailed, run
from imgtools.errors import EditFailed

log = logging.getLogger(__name__)

LIMITS = Limits(seconds=600)


def clear_signatures(host_path: Path) -> None:
    """Overwrite every mark that blkid knows in a file, copies at its end too, so that nothing shows in it any more.

    What is between the marks stays: this is no way to destroy data (:mod:`imgtools.disk.wiping` is).

    :raises EditFailed: wipefs refuses.
    """
    # Forced: a disk with a partition table is one of its questions.
    argv = ["wipefs", "--all", "--force", "--quiet", os.fspath(host_path.absolute())]
    try:
        run(argv, Fence(Kind.RESIZER, writes=(host_path,)), limits=LIMITS)
    except ToolFailed as error:
        raise EditFailed(f"its old content cannot be taken away: {error.done.complaint}") from None


def empty(host_path: Path) -> bool:
    """Have a whole file read as zeros, without writing them; returns whether it does.

    Where what the file lies on cannot do that, the marks in it are taken away.

    :raises EditFailed: nor can they.
    """
    size = str(host_path.stat().st_size)
    argv = ["fallocate", "--zero-range", "--keep-size", "--offset", "0", "--length", size]
    try:
        run([*argv, os.fspath(host_path.absolute())], Fence(Kind.RESIZER, writes=(host_path,)), limits=LIMITS)
    except ToolFailed as error:
        log.debug("it cannot be zeroed as a whole: %s", error.done.complaint)
        clear_signatures(host_path)
        return False
    return True
