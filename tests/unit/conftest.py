"""Unit tests start no programs: a test that does says so with the marker ``host``, or fails here.

``pytest -m "not host" tests/unit`` then runs wherever Python and the bindings are, in well under a minute: without
QEMU and mke2fs, without built fixtures, without root.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from fixtures.cache import root
from imgtools.engine.confined import forked

# Events of sys.audit that begin another process, whichever module of Python asks for it.
STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.forkpty", "os.system"})
# What ctypes asks where a library is, once a process; it is part of libc.
ALLOWED = frozenset({"ldconfig"})
BUILT = os.fspath(root())


class _Watch:
    """What the running test asks of the host. A hook of sys.audit stays for good, so there is one."""

    def __init__(self) -> None:
        self.watching = False
        self.seen = ""

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.watching or not (found := _asked(event, arguments)):
            return
        if event == "os.fork" and sys._getframe(1).f_code.co_filename == forked.__file__:
            return  # a copy of ourselves for a C library is no program
        self.seen = f"this test {found}: mark it with pytest.mark.host"
        pytest.fail(self.seen)  # no Exception, so that code under test does not take it for one of its own


def _asked(event: str, arguments: tuple[object, ...]) -> str:
    """What an event asks of the host; empty: nothing."""
    if event in STARTS:
        program = os.fsdecode(arguments[0]) if arguments and isinstance(arguments[0], str | bytes) else ""
        return "" if program.rpartition("/")[2] in ALLOWED else f"starts a program ({event} {program})"
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(BUILT):
        return f"needs a built fixture ({arguments[0]})"
    return ""


WATCH = _Watch()
sys.addaudithook(WATCH)


def _watched(item: pytest.Item) -> Iterator[None]:
    WATCH.watching, WATCH.seen = item.get_closest_marker("host") is None, ""
    try:
        yield
    finally:
        WATCH.watching = False
    if WATCH.seen:  # it was started in another thread, or its failure was caught
        pytest.fail(WATCH.seen)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Watch the fixtures of a test: those of a module count for the first test that wants them."""
    yield from _watched(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch the test itself."""
    yield from _watched(item)
