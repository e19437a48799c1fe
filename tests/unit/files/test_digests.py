"""Digests of many files: the same as those of each alone, in whatever order they lie; damage is of one file only."""

from __future__ import annotations

import hashlib
import io
import random

from imgtools.errors import BadImage, ImgtoolsError
from imgtools.files.digests import GAP, MOST_STRETCHES, WINDOW, Hasher
from imgtools.files.tree import GuestTree
from imgtools.filesystems.stream import MappedFile, NoBlocks, buffered
from imgtools.records.files import FileKind, FileStat
from imgtools.records.request import Engine
from imgtools.volumes.volume_file import DiskFile
from tests.support.memory import MemoryFilesystem, memory_files

BLOCK = 4096


class Server:
    """A disk in memory that cannot be read at some places; counts the questions."""

    socket = warning = ""

    def __init__(self, content: bytes, bad: range = range(0)) -> None:
        self.content, self.bad, self.questions = content, bad, 0

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, offset: int, length: int) -> bytes:
        self.questions += 1
        if self.bad and offset < self.bad.stop and self.bad.start < offset + length:
            raise BadImage("a bad place")
        return self.content[offset : offset + length]


class Placed:
    """A file that lies at one block and goes on for so many."""

    def __init__(self, place: int, blocks: int) -> None:
        self.place, self.blocks = place, blocks

    def find(self, block: int) -> tuple[int | None, int]:
        return self.place + block, self.blocks - block


class OnDisk(MemoryFilesystem):
    """A filesystem whose files lie on a disk."""

    def __init__(self, disk: DiskFile, places: dict[str, tuple[int, int]]) -> None:
        super().__init__(dict.fromkeys(places, ""))
        self.disk, self.places = disk, places

    def lookup(self, path: str) -> FileStat | None:
        if path in self.places:
            return FileStat(FileKind.FILE, self.places[path][1])
        return super().lookup(path)

    def open(self, path: str) -> io.BufferedReader:
        place, size = self.places[path]
        blocks = NoBlocks() if place < 0 else Placed(place, -(-size // BLOCK))
        return buffered(MappedFile(self.disk, blocks, BLOCK, size))


class Scattered:
    """A file of which every second block is a hole, and the others lie backwards."""

    def find(self, block: int) -> tuple[int | None, int]:
        return (None, 1) if block % 2 else (1000 - block, 1)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def asked(files: GuestTree, paths: list[str]) -> dict[str, str | ImgtoolsError]:
    with Hasher(files) as hasher:
        group = hasher.group()
        for path in paths:
            group.add(path, "sha256")
        group.start()
        found = list(group.answers())
    assert sorted(number for number, _answer in found) == list(range(len(paths)))
    return {paths[number]: answer for number, answer in found}


def test_files_that_lie_near_each_other_are_read_together_and_each_has_its_own_digest() -> None:
    content = random.Random(1).randbytes(32 << 20)
    server = Server(content)
    sizes = [1, 100, BLOCK, BLOCK + 1, 50_000, WINDOW, WINDOW + 1, 3 * WINDOW]
    places, at = {}, 0
    for number, size in enumerate(sizes * 2):
        places[f"/{number:02}"] = (at, size)
        at += -(-size // BLOCK) + (1 if number % 3 else GAP // BLOCK + 1)
    assert at * BLOCK < len(content)
    files = GuestTree({"/": OnDisk(DiskFile.whole(server), places)}, Engine.MEMORY)
    found = asked(files, sorted(places, reverse=True))
    assert found == {
        path: sha(content[place * BLOCK : place * BLOCK + size]) for path, (place, size) in places.items()
    }


def test_a_thousand_small_files_cost_a_question_for_each_window() -> None:
    content = random.Random(2).randbytes(8 << 20)
    server = Server(content)
    places = {f"/{number:04}": (2 * number, 3000) for number in range(1000)}
    asked(GuestTree({"/": OnDisk(DiskFile.whole(server), places)}, Engine.MEMORY), list(places))
    assert server.questions <= 2 + len(content) // WINDOW


def test_a_place_that_cannot_be_read_is_of_the_files_that_lie_there() -> None:
    content = random.Random(3).randbytes(1 << 20)
    server = Server(content, range(100 * BLOCK, 100 * BLOCK + 1))
    places = {"/before": (92, 9000), "/bad": (100, 5000), "/after": (120, 9000)}
    found = asked(GuestTree({"/": OnDisk(DiskFile.whole(server), places)}, Engine.MEMORY), list(places))
    assert isinstance(found.pop("/bad"), BadImage)
    assert found == {
        "/before": sha(content[92 * BLOCK :][:9000]),
        "/after": sha(content[120 * BLOCK :][:9000]),
    }


def test_holes_empty_files_and_files_of_other_readers() -> None:
    places = {"/hole": (-1, 10_000)}
    disk = DiskFile.whole(Server(b"x" * BLOCK))
    assert asked(GuestTree({"/": OnDisk(disk, places)}, Engine.MEMORY), ["/hole"]) == {
        "/hole": sha(bytes(10_000))
    }
    found = asked(
        memory_files({"/empty": "", "/a": "a", "/big": b"y" * (3 * WINDOW)}), ["/empty", "/a", "/big"]
    )
    assert found == {"/empty": sha(b""), "/a": sha(b"a"), "/big": sha(b"y" * (3 * WINDOW))}


def test_a_file_in_many_pieces() -> None:
    content = random.Random(4).randbytes(1100 * BLOCK)
    disk = DiskFile.whole(Server(content))
    for blocks in (MOST_STRETCHES, MOST_STRETCHES + 40):
        size = blocks * BLOCK - 100
        stream = MappedFile(disk, Scattered(), BLOCK, size)
        expected = stream.readall()
        assert (stream.stretches(MOST_STRETCHES) is None) is (blocks > MOST_STRETCHES)
        filesystem = OnDisk(disk, {"/x": (0, size)})
        filesystem.open = lambda _path, size=size: buffered(MappedFile(disk, Scattered(), BLOCK, size))  # type: ignore[method-assign,misc]
        assert asked(GuestTree({"/": filesystem}, Engine.MEMORY), ["/x"]) == {"/x": sha(expected)}


def test_a_file_that_is_not_there_is_an_answer() -> None:
    found = asked(memory_files({"/a": "a"}), ["/a", "/b"])
    assert found["/a"] == sha(b"a")
    assert isinstance(found["/b"], ImgtoolsError)
