"""A private file for what can only be read forwards."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from imgtools.disk.sources.opening import Work
from imgtools.disk.sources.showing import showing
from imgtools.disk.sources.spool import spool
from imgtools.records.progress import Progress

CONTENT = b"a" * 3_000_000 + bytes(2_000_000) + b"z"


def test_it_is_ours_alone_and_goes_with_the_work() -> None:
    with ExitStack() as stack:
        made = spool(io.BytesIO(CONTENT), "x", Work(stack))
        assert made.path.read_bytes() == CONTENT and made.size == len(CONTENT)
        assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert not made.path.parent.exists()


def test_who_waits_is_shown_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def shower(title: str) -> Iterator[Progress]:
        assert title == "unpack"
        yield lambda done, total: told.append((done, total))

    with ExitStack() as stack, showing(shower):
        spool(io.BytesIO(CONTENT), "x", Work(stack), done=lambda size: (size // 2, len(CONTENT) // 2))
    assert told[-1] == (len(CONTENT) // 2, len(CONTENT) // 2) and len(told) == 5


def test_an_end_of_zeros_counts(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert spool(io.BytesIO(bytes(5000)), "x", Work(stack)).path.stat().st_size == 5000
