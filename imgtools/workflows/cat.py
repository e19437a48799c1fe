"""Read files of a guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from imgtools.guest.guest import guest_path, the_guest
from imgtools.image.handle import open_request
from imgtools.records import ImageRequest

CHUNK = 1 << 20  # bytes held at a time, however large the file is


def read_files(request: ImageRequest, paths: Sequence[str]) -> Iterator[bytes]:
    """Yield the bytes of the files, one after the other, in chunks.

    Every file is opened before the first byte is given out, so that a wrong path is an error with no output.

    :raises NoSuchGuestFile: one of them is not there.
    :raises NotAFile: one of them is a directory or a device.
    """
    with open_request(request) as image:
        guest = the_guest(image, request.root)
        streams = [guest.files.open(guest_path(guest, path)) for path in paths]
        for stream in streams:
            yield from _chunks(stream)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(CHUNK):
            yield chunk
