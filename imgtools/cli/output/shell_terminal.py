"""The terminal of whoever types, joined with a shell's console in the appliance.

What the shell shows passes as it is, as with every terminal program: colours and cursor keys are the shell's own.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import struct
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from imgtools.records.shell import Console, Window

ESCAPE = b"\x1d"  # Ctrl-]
PIECE = 64 << 10
HELP = b"\r\nCtrl-] q  end the shell, nothing is kept\r\nCtrl-] Ctrl-]  type Ctrl-]\r\nCtrl-] ?  this\r\n"


def is_terminal() -> bool:
    """Whether somebody types on standard input, and sees standard output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def can_ask() -> bool:
    """Whether somebody can answer a question on standard error."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def window() -> Window:
    """Return the size and the kind of the terminal."""
    return Window(*_size(), os.environ.get("TERM", "dumb"))


def _size() -> tuple[int, int]:
    """Return rows and columns; 24 and 80 where the terminal does not tell, or there is none."""
    with suppress(OSError):
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(8)))
        if rows and columns:
            return rows, columns
    return 24, 80


def talk(console: Console) -> None:
    """Pass on what is typed and shown, until the shell has ended, or is to be ended from here."""
    _Conversation(console).run()


class _Conversation:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._input, self._output = sys.stdin.fileno(), sys.stdout.fileno()
        self._escaped = self._is_over = False

    def run(self) -> None:
        """Have the terminal pass on every key as it is, until it is over."""
        sys.stdout.flush()
        with _raw(self._input), _woken_by_resize() as woken, selectors.DefaultSelector() as selector:
            shown, told = self._console.ports
            selector.register(shown, selectors.EVENT_READ, self._show)
            selector.register(told, selectors.EVENT_READ, self._hear)
            selector.register(woken, selectors.EVENT_READ, self._resize(woken))
            selector.register(self._input, selectors.EVENT_READ, self._type)
            self._console.resize(*_size())  # it may be another since the shell was ordered
            while not self._is_over:
                for key, _ in selector.select():
                    key.data()
            self._last_words(shown)

    def _last_words(self, shown: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(shown, selectors.EVENT_READ)
            while selector.select(0):
                self._show()

    def _show(self) -> None:
        piece = memoryview(self._console.receive())
        while piece:
            piece = piece[os.write(self._output, piece) :]

    def _hear(self) -> None:
        self._is_over = self._console.has_ended() or self._is_over

    def _resize(self, woken: int) -> Callable[[], None]:
        def resize() -> None:
            os.read(woken, PIECE)
            self._console.resize(*_size())

        return resize

    def _type(self) -> None:
        try:
            typed = os.read(self._input, PIECE)
        except OSError:
            typed = b""
        if not typed:  # the terminal has gone
            self._is_over = True
            return
        plain = b""
        for number in range(len(typed)):
            plain += self._key(typed[number : number + 1])
        if plain:
            self._console.send(plain)

    def _key(self, key: bytes) -> bytes:
        """Return what a key is to the shell; behind Ctrl-], what it is to us."""
        if not self._escaped:
            self._escaped = key == ESCAPE
            return b"" if self._escaped else key
        self._escaped = False
        if key == ESCAPE:
            return key
        if key in (b"q", b"Q", b"."):
            self._is_over = True
        elif key == b"?":
            os.write(self._output, HELP)
        return b""


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _woken_by_resize() -> Iterator[int]:
    """Yield a descriptor that has something to read when the window has got another size."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def note(number: int, frame: FrameType | None) -> None:
        try:
            os.write(writing, b"\0")
        except BlockingIOError:  # it is woken already
            return

    before = signal.signal(signal.SIGWINCH, note)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reading)
        os.close(writing)
