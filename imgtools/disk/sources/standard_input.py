"""A disk image on standard input: ``-``. What is piped is spooled first; a file that is there already is that file."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

from imgtools.disk.sources.opening import Work
from imgtools.disk.sources.spool import spool
from imgtools.errors import BadImage, UsageError
from imgtools.records.image import DiskSource, Inside

NAME = "standard input"


def open_standard_input(source: DiskSource, work: Work) -> tuple[DiskSource, ...]:
    """Return what is on standard input.

    :raises UsageError: it is a terminal, or closed.
    :raises BadImage: it is empty.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        raise UsageError("standard input is closed, and - is an image on it", hint="name a file") from None
    if stat.S_ISCHR(mode) and os.isatty(0):
        raise UsageError("an image is no text to type", hint="imgtools COMMAND - < disk.raw, or name a file")
    if stat.S_ISREG(mode) and (named := _file_of_it()) is not None:
        return (replace(source, host_path=named),)
    made = spool(sys.stdin.buffer, NAME, work, done=lambda size: (size, 0))
    if not made.size:
        raise BadImage(f"{NAME} is empty", hint="an image is read from it once: a second look finds nothing")
    how = f"kept once, {made.size} bytes in {made.path.parent.parent}: it can only be read from its start"
    inside = Inside(NAME, made.size, is_whole=True, path=made.path, kind=NAME, how=how)
    return (replace(source, host_path=made.path, inside=inside),)


def _file_of_it() -> Path | None:
    """The name of the file that standard input is, if it still has one."""
    try:
        named = Path("/proc/self/fd/0").readlink()
        return named if named.is_absolute() and named.samefile("/proc/self/fd/0") else None
    except OSError:
        return None
