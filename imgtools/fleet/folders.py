"""Which images a user means by words: files, patterns, and folders, whose images are known by their content."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgtools.disk.headers import open_host_file, probe
from imgtools.errors import HostError, ImgtoolsError, NoImages
from imgtools.records.image import is_uri

_BOOT_SIGNATURE = 510, b"\x55\xaa"  # of an MBR, a FAT or NTFS that begins the disk
# What else a raw disk may begin with, and where: superblocks, LVM's label (blkid has the same table).
_CONTENTS = (
    (512, b"EFI PART"),
    (4096, b"EFI PART"),
    (1080, b"\x53\xef"),  # ext2, 3, 4
    (0, b"XFSB"),
    (0x10040, b"_BHRfS_M"),
    (512, b"LABELONE"),
    (0, b"LUKS\xba\xbe"),
)
SMALLEST = 512  # bytes: one sector


def find_images(words: Sequence[str], *, recursive: bool) -> Iterator[str]:
    """Yield the images that words name; those of a folder in the order of their names, hidden ones left out.

    A word that names nothing is yielded as it is: whoever opens it says so.

    :param recursive: also those of the folders in a folder.
    :raises NoImages: a folder or a pattern has none.
    :raises HostError: a folder cannot be read.
    """
    for word in words:
        if is_uri(word) or os.path.lexists(word) or not glob.has_magic(word):
            matches = [word]
        else:
            # The word may be absolute or not, which Path.glob does not take.
            matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207
            if not matches:
                raise NoImages(
                    f"nothing matches {word}", hint="quote a pattern only if the shell is not to expand it"
                )
        for match in matches:
            if is_uri(match) or not Path(match).is_dir():
                yield match
                continue
            found = list(_of_folder(Path(match), recursive=recursive))
            if not found:
                hint = "" if recursive else "--recursive looks into the folders in it"
                raise NoImages(f"{match} holds no disk image", hint=hint)
            yield from found


def _of_folder(folder: Path, *, recursive: bool) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        raise HostError(f"{folder}: {error.strerror}", hint="name a folder that you may read") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive:
                yield from _of_folder(Path(entry.path), recursive=True)
        elif entry.is_file() and is_image(Path(entry.path)):
            yield entry.path


def is_image(host_path: Path) -> bool:
    """Whether a file is a disk image by its content: of a format that is known, or raw with something on it."""
    try:
        with open_host_file(host_path) as file:
            if file.size < SMALLEST:
                return False
            if probe(file) != "raw" or file.read(_BOOT_SIGNATURE[0], 2) == _BOOT_SIGNATURE[1]:
                return True
            return any(file.read(offset, len(magic)) == magic for offset, magic in _CONTENTS)
    except ImgtoolsError:
        return False
