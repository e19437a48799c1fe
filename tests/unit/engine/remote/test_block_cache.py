"""The same bytes are fetched once, whoever asks and in whatever pieces, and the file that keeps them is bounded."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from imgtools.engine.remote.block_cache import BLOCK, MOST_AHEAD, BlockCache
from imgtools.errors import RemoteFailed

CONTENT = random.Random(16).randbytes(40 * BLOCK + 777)


class Source:
    """What is fetched from, and what was."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []
        self.fails = False
        self.goes_on = threading.Event()
        self.goes_on.set()

    def fetch(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        self.goes_on.wait(30)
        if self.fails:
            raise RemoteFailed("the server is gone")
        return self.content[offset : offset + length]

    @property
    def fetched(self) -> int:
        return sum(length for _, length in self.asked)


@pytest.fixture
def file() -> Iterator[int]:
    descriptor = os.memfd_create("cache")
    yield descriptor
    os.close(descriptor)


def cache_of(source: Source, file: int, room: int = 1 << 30) -> BlockCache:
    return BlockCache(source.fetch, len(source.content), file, room)


def test_a_block_is_fetched_once(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    for _ in range(3):
        assert cache.read(100, 5000) == CONTENT[100:5100]
    for _ in range(2):
        assert cache.read(8 * BLOCK - 1, 2) == CONTENT[8 * BLOCK - 1 : 8 * BLOCK + 1]
    assert source.asked == [(0, BLOCK), (7 * BLOCK, 2 * BLOCK)]
    assert (cache.fetched, cache.requests) == (3 * BLOCK, 2)


def test_what_is_here_takes_no_fetching(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    assert cache.kept(10, 100) is None
    cache.read(BLOCK, 2 * BLOCK)
    source.asked.clear()
    assert cache.kept(BLOCK + 10, BLOCK) == CONTENT[BLOCK + 10 : 2 * BLOCK + 10]
    assert cache.kept(10, 2 * BLOCK) is None
    assert source.asked == []


def test_the_end_of_the_image_is_no_block_of_full_length(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    for _ in range(2):
        assert cache.read(len(CONTENT) - 3, 3) == CONTENT[-3:]
    assert source.asked == [(40 * BLOCK, 777)]


def test_only_what_is_missing_is_fetched(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    cache.read(3 * BLOCK, 1)
    source.asked.clear()
    assert cache.read(BLOCK, 5 * BLOCK) == CONTENT[BLOCK : 6 * BLOCK]
    assert sorted(source.asked) == [(BLOCK, 2 * BLOCK), (4 * BLOCK, 2 * BLOCK)]


def test_who_reads_on_gets_more_at_a_time_but_not_without_end(file: int) -> None:
    source = Source(bytes(64 << 20))
    cache = cache_of(source, file)
    for offset in range(0, 32 << 20, 4096):
        cache.read(offset, 4096)
    lengths = [length for _, length in source.asked]
    assert lengths[:4] == [BLOCK, 2 * BLOCK, 4 * BLOCK, 8 * BLOCK]
    assert max(lengths) == MOST_AHEAD
    assert source.fetched <= (32 << 20) + MOST_AHEAD


def test_who_jumps_about_gets_no_more_than_it_asks_for(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    for block in (30, 2, 17, 9, 24):
        cache.read(block * BLOCK, 10)
    assert source.fetched == 5 * BLOCK


def test_the_file_is_bounded_and_what_was_used_last_stays(file: int) -> None:
    source = Source()
    cache = cache_of(source, file, room=4 * BLOCK + 100)
    for block in (0, 10, 20, 30):
        cache.read(block * BLOCK, 1)
    cache.read(0, 1)
    cache.read(35 * BLOCK, 1)  # takes the place of block 10
    assert os.fstat(file).st_size <= 4 * BLOCK
    source.asked.clear()
    assert cache.read(5, 10) == CONTENT[5:15]
    assert source.asked == []
    assert cache.read(10 * BLOCK, 10) == CONTENT[10 * BLOCK : 10 * BLOCK + 10]
    assert source.asked == [(10 * BLOCK, BLOCK)]


def test_a_copy_of_everything_passes_a_full_file_by(file: int) -> None:
    source = Source()
    cache = cache_of(source, file, room=2 * BLOCK)
    cache.read(0, 1)
    cache.read(10 * BLOCK, 1)
    big = cache.read(20 * BLOCK, 16 * BLOCK)
    assert big == CONTENT[20 * BLOCK : 36 * BLOCK]
    source.asked.clear()
    cache.read(0, 1)
    cache.read(10 * BLOCK, 1)
    assert source.asked == []


def test_a_full_disk_only_ends_the_keeping() -> None:
    source = Source()
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        cache = cache_of(source, full.fileno())
        for _ in range(2):
            assert cache.read(0, 100) == CONTENT[:100]
    assert source.asked == [(0, BLOCK), (0, BLOCK)]


def test_without_a_file_nothing_is_kept() -> None:
    source = Source()
    cache = cache_of(source, -1)
    assert [cache.read(1, 2), cache.read(1, 2)] == [CONTENT[1:3]] * 2
    assert len(source.asked) == 2


def test_what_one_is_fetching_the_others_wait_for(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    source.goes_on.clear()
    with ThreadPoolExecutor(4) as workers:
        found = [workers.submit(cache.read, 7, 100) for _ in range(4)]
        while not source.asked:
            pass
        source.goes_on.set()
        assert {one.result() for one in found} == {CONTENT[7:107]}
    assert source.asked == [(0, BLOCK)]


def test_a_failure_reaches_all_and_is_not_kept(file: int) -> None:
    source = Source()
    cache = cache_of(source, file)
    source.fails = True
    with pytest.raises(RemoteFailed):
        cache.read(0, 3 * BLOCK)
    source.fails = False
    assert cache.read(0, 3 * BLOCK) == CONTENT[: 3 * BLOCK]


def test_reads_of_many_threads_are_right(file: int) -> None:
    source = Source()
    cache = cache_of(source, file, room=10 * BLOCK)

    def read_some(seed: int) -> bool:
        draw = random.Random(seed)
        for _ in range(100):
            start = draw.randrange(len(CONTENT))
            length = draw.randrange(1, min(6 * BLOCK, len(CONTENT) - start) + 1)
            if cache.read(start, length) != CONTENT[start : start + length]:
                return False
        return True

    with ThreadPoolExecutor(6) as workers:
        assert all(workers.map(read_some, range(6)))
    assert os.fstat(file).st_size <= 10 * BLOCK
