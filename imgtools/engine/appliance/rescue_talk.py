"""How a shell in the appliance is heard: its console, what it writes without one, and how it ended."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from imgtools.engine.appliance.ports import CONSOLE, ERR, OUT, STATUS, connect_port
from imgtools.errors import ApplianceFailed
from imgtools.records.shell import Ended

PIECE = 64 << 10
LONGEST_STATUS = 64 << 10  # bytes; a code, and what could not be unmounted
ENDING_SECONDS = 120.0  # from a shell's end until all is unmounted; without KVM 1 or 2


class Status:
    """What the script in the appliance tells of the shell, line by line."""

    def __init__(self, folder: Path) -> None:
        self.port = connect_port(folder, STATUS)
        self._told = b""
        self.ended: Ended | None = None

    def read(self) -> bool:
        """Take in what there is; False if nothing comes any more, because the shell has ended.

        :raises ApplianceFailed: the appliance has ended, and the shell before it has not.
        """
        piece = _received(self.port)
        if not piece and self.ended is not None:
            return False
        if not piece:
            raise ApplianceFailed("the appliance ended before its shell did")
        self._told = (self._told + piece)[-LONGEST_STATUS:]
        *lines, _ = self._told.split(b"\n")
        words = [line.decode("utf-8", "replace").split(" ", 1) for line in lines]
        code = next((word[1] for word in words if word[0] == "exit" and len(word) > 1), None)
        if code is not None:
            busy = tuple(word[1] for word in words if word[0] == "busy" and len(word) > 1)
            remounted = ["remounted"] in words
            self.ended = Ended(int(code) & 255 if code.isdecimal() else 255, busy, remounted)
        return True


class PortConsole:
    """The terminal in the appliance; implements :class:`imgtools.records.shell.Console`."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._status = Status(folder)
        self._stack.callback(self._status.port.close)
        self._console = connect_port(folder, CONSOLE)
        self._stack.callback(self._console.close)

    def __enter__(self) -> PortConsole:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def ports(self) -> tuple[socket.socket, socket.socket]:
        """What is readable when something was shown, and when something became of the shell."""
        return self._console, self._status.port

    def receive(self) -> bytes:
        """Return what the shell shows, as far as it is there.

        :raises ApplianceFailed: the appliance has ended.
        """
        piece = _received(self._console)
        if not piece:
            raise ApplianceFailed("the appliance ended before its shell did")
        return piece

    def send(self, typed: bytes) -> None:
        """Pass on what was typed."""
        try:
            self._console.sendall(typed)
        except OSError:
            raise ApplianceFailed("the appliance ended before its shell did") from None

    def resize(self, rows: int, columns: int) -> None:
        """Tell the size of the window."""
        try:
            self._status.port.sendall(f"size {rows} {columns}\n".encode())
        except OSError:
            raise ApplianceFailed("the appliance ended before its shell did") from None

    def has_ended(self) -> bool:
        """Take in what became of the shell; whether it has ended, and all it has left was put away."""
        self._status.read()
        return self._status.ended is not None

    def ended(self) -> Ended:
        """Return how it ended; given up: without a code."""
        return Ended(None) if self._status.ended is None else self._status.ended


def run_quietly(
    folder: Path,
    mark: bytes,
    start: Callable[[], None],
    out: Callable[[bytes], None],
    err: Callable[[bytes], None],
) -> Ended:
    """Start what runs without a terminal, and pass on what it writes until it has ended.

    :param mark: what comes behind the last byte of both.
    :raises ApplianceFailed: the appliance has ended.
    """
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        status = Status(folder)
        stack.callback(status.port.close)
        for name, sink in ((OUT, out), (ERR, err)):
            port = connect_port(folder, name)
            stack.callback(port.close)
            selector.register(port, selectors.EVENT_READ, UpTo(mark, sink))
        selector.register(status.port, selectors.EVENT_READ)
        start()
        streams = 2
        patience: float | None = None
        while status.ended is None or streams:
            found = selector.select(patience)
            if not found:  # it ended long ago, and what it has written has no end
                break
            for key, _ in found:
                if key.data is None:
                    if not status.read():
                        selector.unregister(status.port)
                elif key.data.take(_received(key.fileobj)):
                    selector.unregister(key.fileobj)
                    streams -= 1
            patience = None if status.ended is None else ENDING_SECONDS
        return Ended(None) if status.ended is None else status.ended


class UpTo:
    """Passes a stream on up to a mark, which may come in pieces."""

    def __init__(self, mark: bytes, sink: Callable[[bytes], None]) -> None:
        self._mark, self._sink, self._held = mark, sink, b""

    def take(self, piece: bytes) -> bool:
        """Take a piece in; True when the mark, or the end of the stream, was met."""
        held = self._held + piece
        before, found, _ = held.partition(self._mark)
        is_over = bool(found) or not piece
        keep = (
            0
            if is_over
            else next(n for n in range(len(self._mark) - 1, -1, -1) if held.endswith(self._mark[:n]))
        )
        shown, self._held = (before, b"") if is_over else (held[: len(held) - keep], held[len(held) - keep :])
        if shown:
            self._sink(shown)
        return is_over


def _received(port: object) -> bytes:
    assert isinstance(port, socket.socket)
    try:
        return port.recv(PIECE)
    except OSError:
        return b""
