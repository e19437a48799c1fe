"""What can only be read forwards is read once, into a private file of ours in the temporary folder, and from there on.

The file is sparse, and is gone when the work is done; if we are killed, the next run that spools takes it away
(:mod:`imgtools.engine.held_folder`). How much a stranger's file may become is bounded by the room on the host: what it
holds must leave some, and its length may not be many times what is free, because zeros take time, if no room.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from imgtools.disk.new_file import free_room
from imgtools.disk.raw_copy.copy import write_filled
from imgtools.disk.sources.opening import Work
from imgtools.disk.sources.showing import shown
from imgtools.engine.held_folder import scratch_folder
from imgtools.errors import BadImage, NoRoom
from imgtools.units import format_size

PIECE = 1 << 20  # bytes that are taken at once
RESERVE = 64 << 20  # bytes that are left free on the host
LENGTH_OF_ROOM, LEAST_LENGTH = (
    16,
    64 << 30,
)  # how many times the free room a disk may be long; and it may be so long
HINT = "TMPDIR names another folder for temporary files; or unpack it yourself, where there is room"
_ZEROS = bytes(PIECE)


class Readable(Protocol):
    """What can be read forwards."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class Spooled(NamedTuple):
    """A file of ours that holds the bytes of a source."""

    path: Path
    size: int


def spool(
    stream: Readable,
    name: str,
    work: Work,
    *,
    expected: int = 0,
    done: Callable[[int], tuple[int, int]] | None = None,
) -> Spooled:
    """Write what a stream gives to a private file, which is there until the work ends.

    :param name: of the source, for errors.
    :param expected: how many bytes it will be, where that is known before; 0: it is not.
    :param done: how far it is, of the bytes written: done and total, for people; None: those, of what is expected.
    :raises NoRoom: there is no room for it.
    :raises BadImage: it becomes longer than any disk that this host has room for.
    """
    folder = work.stack.enter_context(scratch_folder())
    room = free_room(folder)
    most = max(LEAST_LENGTH, room * LENGTH_OF_ROOM)
    _require_length(name, expected, most)
    if room <= RESERVE:
        raise _no_room(name, folder)
    path = folder / "disk"
    with path.open("xb", buffering=0) as target, shown("unpack") as progress:
        size = 0
        while piece := stream.read(PIECE):
            _require_length(name, size + len(piece), most)
            if free_room(folder) < RESERVE:
                raise _no_room(name, folder)
            try:
                _write(target, piece, size)
            except OSError as error:
                raise _no_room(name, folder) from error
            size += len(piece)
            if progress:
                progress(*(done(size) if done else (size, expected)))
        target.truncate(size)
    return Spooled(path, size)


def _write(target: BinaryIO, piece: bytes, at: int) -> None:
    if piece != (_ZEROS if len(piece) == PIECE else bytes(len(piece))):
        write_filled(target.fileno(), bytearray(piece), 0, len(piece), at)


def _require_length(name: str, size: int, most: int) -> None:
    if size > most:
        raise BadImage(
            f"{name} unpacks to more than {format_size(most)}, {LENGTH_OF_ROOM} times the room that is free here",
            hint=f"it may be made to do harm; {HINT}",
        )


def _no_room(name: str, folder: Path) -> NoRoom:
    return NoRoom(
        f"no room to unpack {name} in {folder.parent}, where {format_size(free_room(folder))} are free",
        hint=HINT,
    )
