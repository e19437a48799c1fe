"""The regular files of a guest with their hashes, for a bill of materials that lists files."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.errors import OddGuest
from imgtools.files.tree import DAMAGE, GuestReader, Refused
from imgtools.records.components import HashedFile
from imgtools.records.files import FileKind
from imgtools.records.progress import Progress

PIECE = 1 << 20  # bytes
MOST_FILES = 5_000_000
SNAPSHOTS = "/.snapshots"  # of the system itself, by snapper: other states of the same files


def hash_files(
    files: GuestReader, refused: Refused, progress: Progress | None = None
) -> Iterator[HashedFile]:
    """Yield every regular file with its hashes, in the order of their paths; links and devices have none.

    :param refused: is told of what cannot be read.
    :param progress: is told how many files are done, of a number that is not known.
    :raises OddGuest: there are more files than a document could hold.
    """
    count = 0
    for found in files.walk("/", refused, lambda path: path.startswith(f"{SNAPSHOTS}/")):
        if found.stat.kind is not FileKind.FILE:
            continue
        if count >= MOST_FILES:
            raise OddGuest(f"more than {MOST_FILES} files", hint="a list of them is no document that is read")
        try:
            one = _hash(files, found.path)
        except DAMAGE as error:
            refused(found.path, error)
            continue
        yield one
        count += 1
        if progress is not None:
            progress(count, 0)


def _hash(files: GuestReader, path: str) -> HashedFile:
    import hashlib  # which few bills need

    # Their collisions matter nowhere here: SPDX 2.3 wants the old one beside the new one.
    old, new, size = hashlib.sha1(usedforsecurity=False), hashlib.sha256(), 0
    with files.open(path) as stream:
        while piece := stream.read(PIECE):
            old.update(piece)
            new.update(piece)
            size += len(piece)
    return HashedFile(path, size, old.hexdigest(), new.hexdigest())
