"""Keys and windows between a terminal and a shell, without either."""

from __future__ import annotations

import os
import pty
import socket
import termios
import threading
from collections.abc import Callable, Iterator

import pytest

from imgtools.cli.output import shell_terminal


class FakeConsole:
    """A shell that shows every key it gets, and ends at an x."""

    def __init__(self) -> None:
        self.shell, self._shown = socket.socketpair()
        self._told, self._tells = socket.socketpair()
        self.typed = b""
        self.sizes: list[tuple[int, int]] = []

    @property
    def ports(self) -> tuple[socket.socket, socket.socket]:
        return self._shown, self._told

    def receive(self) -> bytes:
        return self._shown.recv(100)

    def send(self, typed: bytes) -> None:
        self.typed += typed
        self.shell.sendall(typed)
        if b"x" in typed:
            self._tells.sendall(b"!")

    def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    def has_ended(self) -> bool:
        return self._told.recv(1) == b"!"


Talk = Callable[[bytes], tuple[FakeConsole, bytes]]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Type keys when it begins; returns the shell, and what the terminal shows."""
    ours, theirs = pty.openpty()
    console = FakeConsole()
    with console.shell, os.fdopen(theirs, "r") as given, os.fdopen(os.dup(theirs), "w") as shown:

        def begin(keys: bytes) -> tuple[FakeConsole, bytes]:
            monkeypatch.setattr("sys.stdin", given)  # here: pytest sets its own between a fixture and a test
            monkeypatch.setattr("sys.stdout", shown)
            before = termios.tcgetattr(given)
            threading.Timer(0.3, os.write, (ours, keys)).start()
            shell_terminal.talk(console)
            assert termios.tcgetattr(given) == before
            print("end", flush=True)
            return console, os.read(ours, 1000)

        yield begin
    os.close(ours)


def test_all_keys_reach_the_shell(talk: Talk) -> None:
    console, shown = talk(b"a\x03\x1a\x04\rx")
    assert console.typed == b"a\x03\x1a\x04\rx" and shown.startswith(console.typed)
    assert len(console.sizes) == 1


def test_an_escape_ends_it(talk: Talk) -> None:
    console, _ = talk(b"abc\x1dq")
    assert console.typed == b"abc"


def test_the_escape_can_be_typed_and_told_of(talk: Talk) -> None:
    console, shown = talk(b"\x1d\x1d\x1d?\x1dzx")
    assert console.typed == b"\x1dx" and b"Ctrl-] q" in shown
