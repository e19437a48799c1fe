"""A copy of ourselves behind a fence, which works with a C library: what it makes of hostile bytes stays there.

It is forked, so it costs no start. Questions and answers are values of Python's own kinds (numbers, texts, bytes,
tuples, lists, None), pickled, and read by an unpickler that makes nothing else. A crash, or a limit, is a named error
of what the worker has opened; that is lost, and nothing else.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import select
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from imgtools import errors
from imgtools.engine.confined.fence import Fence, PutUp
from imgtools.engine.confined.forked import Forked, fork
from imgtools.engine.confined.kinds import Kind, Limits
from imgtools.engine.confined.start import AS_ITS_KIND
from imgtools.errors import BadImage, EngineTimeout, ImgtoolsError

SIZE = 4  # bytes before each message
LARGEST = 64 << 20  # bytes of a message
PASS = b"\0"  # asks for another channel, whose descriptor comes with it
ENDING_SECONDS = 5.0

Open = Callable[[], object]


class Channel:
    """One end of a conversation with a worker; only one question is on its way at a time.

    :param about: what the worker works on, for messages.
    :param library: what it works with.
    """

    def __init__(self, talk: socket.socket, about: str, library: str, worker: Forked | None = None) -> None:
        self._talk, self._about, self._library, self._worker = talk, about, library, worker
        self._turn = threading.Lock()

    def ask(self, method: str, *arguments: object) -> Any:  # Any: values of Python's own kinds
        """Have a method called and return what it returns.

        :raises ImgtoolsError: as it raised it.
        :raises BadImage: the worker has ended: the library crashed, or came to a limit.
        """
        return self._ask(method, arguments, None)

    def ask_with(
        self, method: str, pieces: Iterable[bytes | int], *arguments: object
    ) -> Any:  # Any: as above
        """Have a method called that reads a stream first of all; as :meth:`ask`, and as ``pieces`` raise."""
        return self._ask(method, arguments, pieces)

    def _ask(
        self, method: str, arguments: tuple[object, ...], pieces: Iterable[bytes | int] | None
    ) -> Any:  # Any: as above
        with self._turn:
            try:
                send(self._talk, (method, arguments, pieces is not None))
                failure = _pass_on(self._talk, pieces) if pieces is not None else None
                answer = receive(self._talk)
            except (BrokenPipeError, ConnectionError, EOFError):
                self._ended()
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # else the error and this frame keep each other, and the worker
        match answer:
            case ("value", value):
                return value
            case ("error", str(kind), str(message), str(hint)):
                raise _made(kind, message, hint)
        raise BadImage(f"{self._about}: {self._library} answers something else than it was asked")

    def _ended(self) -> NoReturn:
        how = "has ended"
        if self._worker is not None:
            code = self._worker.wait(ENDING_SECONDS)
            how = f"crashed ({signal.Signals(-code).name})" if code < 0 else "has ended"
        raise BadImage(
            f"{self._about}: {self._library} {how}",
            hint="it is damaged or hostile; what is left of it is not read",
        ) from None

    def another(self) -> Channel:
        """Return a further conversation with the same worker, for another process of ours."""
        ours, theirs = socket.socketpair()
        with self._turn, theirs:
            socket.send_fds(self._talk, [PASS * SIZE], [theirs.fileno()])
        return Channel(ours, self._about, self._library)

    def leave(self) -> None:
        """End the conversation; a copy of ours that has its descriptor keeps it."""
        self._talk.close()

    def fileno(self) -> int:
        """Its descriptor, for a copy of ours that keeps it."""
        return self._talk.fileno()


class Worker(Channel):
    """A process that has opened something, and answers questions about it until nobody asks any more.

    :param open_: is called in it, behind the fence; the answers are those of the methods of what it returns.
    :param descriptors: what it keeps open besides.
    :param reads: files that it may open.
    :param writes: files that it may write to.
    :param kind: what it may use.
    :param imports: modules that it loads before the fence is up, and as who we are.
    """

    def __init__(
        self,
        library: str,
        about: str,
        open_: Open,
        *,
        descriptors: Sequence[int] = (),
        reads: Sequence[Path] = (),
        writes: Sequence[Path] = (),
        kind: Kind = Kind.LIBRARY,
        limits: Limits = AS_ITS_KIND,
        imports: Sequence[str] = (),
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            own = Path(errors.__file__).parent
            code = (own, *(Path(place) for place in (sys.prefix, *sys.path) if place))
            fence = Fence(kind, (*code, *reads), tuple(writes))
            put_up = PutUp(fence, sys.executable, limits, descriptors, grown=_size(), vforks=False)
            try:
                worker = fork(
                    library,
                    lambda: _work(theirs, open_, put_up, imports),
                    (theirs.fileno(), *descriptors, *put_up.open),
                )
            finally:
                put_up.close()
        super().__init__(ours, about, library, worker)
        self._process = worker
        self._end = weakref.finalize(self, _end, ours, worker)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._worker is None or self._worker.poll() is not None

    def end(self) -> None:
        """End it at once; may be called twice."""
        self._end()

    @contextmanager
    def within(self, seconds: float, message: str) -> Iterator[None]:
        """End it if the block is not over after so many seconds.

        :raises EngineTimeout: it was not; the error has the message.
        """
        is_over = threading.Event()

        def end() -> None:
            is_over.set()
            self._process.kill()  # who waits for an answer hears of it

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except BadImage:
            if is_over.is_set():
                raise EngineTimeout(message, hint="a damaged or hostile image can do this") from None
            raise
        finally:
            timer.cancel()


def _end(talk: socket.socket, worker: Forked) -> None:
    talk.close()
    worker.kill()
    worker.wait()


def _size() -> int:
    """The bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _pass_on(talk: socket.socket, pieces: Iterable[bytes | int]) -> ImgtoolsError | OSError | None:
    """Send a stream piece by piece, a hole as its length; returns why it could not be read to its end."""
    try:
        for piece in pieces:
            try:
                send(talk, piece)
            except OSError:
                raise EOFError from None
    except (ImgtoolsError, OSError) as error:
        send(talk, None)
        return error
    send(talk, b"")
    return None


MOST_ZEROS = 1 << 20  # bytes of a hole that are made at a time


# -- in the worker ----------------------------------------------------------------------------------------


def _work(talk: socket.socket, open_: Open, put_up: PutUp, imports: Sequence[str]) -> int:
    put_up.limit()
    for name in imports:
        with suppress(ImportError):  # whoever needs it says what is missing
            importlib.import_module(name)
    put_up.enter()
    served: object = None
    talks = [talk]
    while talks:
        for one in select.select(talks, [], [])[0]:
            try:
                question = _receive_or_join(one, talks)
            except (OSError, EOFError):
                talks.remove(one)
                continue
            if question is not None:
                answer: tuple[object, ...]
                method, arguments, has_stream = question
                stream = Stream(one) if has_stream else None
                try:
                    served = open_() if served is None else served
                    words = arguments if stream is None else (stream, *arguments)
                    answer = ("value", getattr(served, method)(*words))
                except ImgtoolsError as error:
                    answer = ("error", _public(error), error.message, error.hint or "")
                except OSError as error:
                    answer = ("error", "OSError", str(error), "")
                except (RuntimeError, ValueError, LookupError, ImportError, MemoryError) as error:
                    answer = ("error", type(error).__name__, str(error), "")
                if stream is not None:
                    stream.drain()
                send(one, answer)
    return 0


def _public(error: ImgtoolsError) -> str:
    """The name of the nearest class that errors.py has."""
    return next(kind.__name__ for kind in type(error).__mro__ if hasattr(errors, kind.__name__))


class Stream(io.RawIOBase):
    """What is sent after a question, piece by piece; holes as :mod:`imgtools.filesystems.holes` has them."""

    def __init__(self, talk: socket.socket) -> None:
        super().__init__()
        self._talk, self._left, self._has_ended = talk, b"", False
        self._hole = 0  # bytes of a hole that is still to come

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes: what is left of a piece, or the next one.

        :raises OSError: its source failed.
        """
        self._fetch()
        if self._hole:  # who does not skip it reads what it reads as
            self._left = bytes(min(self._hole, MOST_ZEROS))
            self._hole -= len(self._left)
        found, self._left = (self._left[:size], self._left[size:]) if size >= 0 else (self._left, b"")
        return found

    def skip_hole(self) -> int:
        """Pass over a hole that begins here, and return its length."""
        self._fetch()
        skipped, self._hole = self._hole, 0
        return skipped

    def _fetch(self) -> None:
        if self._left or self._hole or self._has_ended:
            return
        piece = receive(self._talk)
        self._has_ended = not piece
        if piece is None:
            raise OSError("the source cannot be read to its end")
        if isinstance(piece, int):
            self._hole = piece
        else:
            self._left = piece

    def drain(self) -> None:
        """Read what nobody has read."""
        while not self._has_ended:
            self._has_ended = not receive(self._talk)


def _receive_or_join(
    talk: socket.socket, talks: list[socket.socket]
) -> tuple[str, tuple[object, ...], bool] | None:
    """Return a question; None: it was a wish for another channel."""
    head, descriptors, _, _ = socket.recv_fds(talk, SIZE, 1)
    if descriptors:
        talks.append(socket.socket(fileno=descriptors[0]))
        return None
    return receive(talk, head)  # type: ignore[no-any-return]


# -- messages ---------------------------------------------------------------------------------------------


class _Values(pickle.Unpickler):
    """Makes values of Python's own kinds and nothing else: a pickle can otherwise call whatever it names."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse every name."""
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")


def send(talk: socket.socket, message: object) -> None:
    """Send one message."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    talk.sendall(len(content).to_bytes(SIZE, "little") + content)


def receive(talk: socket.socket, head: bytes = b"") -> Any:  # Any: values of Python's own kinds
    """Return the next message.

    :raises EOFError: there is none any more, or it is none.
    """
    size = int.from_bytes(head + _exactly(talk, SIZE - len(head)), "little")
    if size > LARGEST:
        raise EOFError
    try:
        return _Values(io.BytesIO(_exactly(talk, size))).load()
    except (pickle.UnpicklingError, ValueError, LookupError, TypeError, AttributeError):
        raise EOFError from None


def _exactly(talk: socket.socket, size: int) -> bytes:
    content = bytearray(size)
    view, filled = memoryview(content), 0
    while filled < size:
        got = talk.recv_into(view[filled:])
        if not got:
            raise EOFError
        filled += got
    return bytes(content)


# Errors of Python's own that libraries raise and callers know.
_PLAIN = {kind.__name__: kind for kind in (OSError, RuntimeError, ValueError, KeyError, MemoryError)}


def _made(kind: str, message: str, hint: str) -> Exception:
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, ImgtoolsError):
        return found(message, hint=hint)
    if kind in ("ImportError", "ModuleNotFoundError"):
        return ImportError(message)
    return _PLAIN.get(kind, RuntimeError)(message)
