"""Hashed files: what goes in comes out, whatever the names, and a million of them fit."""

from __future__ import annotations

import pickle
import sys

from hypothesis import given
from hypothesis import strategies as st

from imgtools.records.components import HashedFile
from imgtools.records.hashed_files import HashedFiles

FILES = st.lists(
    st.builds(
        HashedFile,
        st.binary(min_size=1, max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
        st.integers(0, 2**63),
        st.binary(min_size=20, max_size=20).map(bytes.hex),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    ),
    max_size=6,
)


@given(FILES)
def test_what_goes_in_comes_out(files: list[HashedFile]) -> None:
    held = HashedFiles(files)
    assert list(held) == files and len(held) == len(files) and held == files
    assert [held[number] for number in range(-len(files), len(files))] == files + files
    assert held[1:3] == files[1:3]
    assert pickle.loads(pickle.dumps(held)) == held
    assert held != [*files, HashedFile("x", 0, "00" * 20, "00" * 32)]


def test_one_takes_little() -> None:
    held = HashedFiles(
        HashedFile(f"/usr/share/data/{number:040}", 1, "ab" * 20, "cd" * 32) for number in range(10_000)
    )
    assert sum(sys.getsizeof(one) for one in vars(held).values()) < 150 * len(held)
