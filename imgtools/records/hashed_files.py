"""Files with their hashes: some hundred bytes each, so that a million fit, and a record where one is asked for."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from imgtools.records.components import HashedFile

SHA1 = 20  # bytes
SHA256 = 32


class HashedFiles(Sequence[HashedFile]):
    """A sequence of hashed files that does not change; equal to each sequence of the same ones."""

    def __init__(self, files: Iterable[HashedFile] = ()) -> None:
        self._sizes = array("Q")
        self._ends = array("Q")  # where in the bytes each one ends: two hashes, and the path
        self._bytes = bytearray()
        for one in files:
            self._bytes += bytes.fromhex(one.sha1) + bytes.fromhex(one.sha256)
            self._bytes += one.path.encode("utf-8", "surrogateescape")
            self._sizes.append(one.size)
            self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> HashedFile: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[HashedFile]: ...
    def __getitem__(self, index: int | slice) -> HashedFile | Sequence[HashedFile]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else [self._at(place) for place in places]

    def __iter__(self) -> Iterator[HashedFile]:
        return map(self._at, range(len(self)))

    def _at(self, place: int) -> HashedFile:
        raw = bytes(self._bytes[self._ends[place - 1] if place else 0 : self._ends[place]])
        hashes = SHA1 + SHA256
        path = raw[hashes:].decode("utf-8", "surrogateescape")
        return HashedFile(path, self._sizes[place], raw[:SHA1].hex(), raw[SHA1:hashes].hex())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(bytes(self._bytes))

    def __repr__(self) -> str:
        return f"HashedFiles({len(self)} files)"
