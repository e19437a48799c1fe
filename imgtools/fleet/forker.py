"""The forker: a program beside a worker that has everything imported, and asks one image after the other.

A worker has threads, and what has threads must not fork. So this program does: it reads works from a pipe, makes a
process for each (:mod:`imgtools.workflows.many`), and writes answers into another. It ends with the pipe.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import select
import signal
import struct
import sys
from contextlib import suppress
from types import FrameType
from typing import BinaryIO

from imgtools.errors import EngineFailed, ImgtoolsError
from imgtools.fleet.asking import answer, is_worth_having
from imgtools.fleet.work import MOST_BYTES, Work, facts_of
from imgtools.workflows.many import Ended, ask_each

_LENGTH = struct.Struct("!Q")


class Told(BaseException):
    """Somebody wants this process to end. An exception, so that every ``with`` on the way out cleans up."""


def main() -> None:
    """Ask until nobody wants anything."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the client says what becomes of us
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    words, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    with suppress(Told):
        with (
            suppress(Told, BrokenPipeError),
            os.fdopen(words, "rb", buffering=0) as source,
            os.fdopen(answers, "wb") as target,
        ):
            while (content := receive(source)) is not None:
                work: Work = pickle.loads(content)
                send(target, _ask(work, words, answers))
        _be_told_no_more()


def _be_told_no_more() -> None:
    """Let what ends this process come once: a second time it would meet the cleaning up, or Python's own end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    _be_told_no_more()
    raise Told


def _ask(work: Work, words: int, answers: int) -> bytes:
    """Ask one image in a process of its own; the two descriptors are not for that process."""

    def ask(place: int, stream: BinaryIO) -> int:
        os.close(words)
        os.close(answers)
        return answer(work, stream)

    def look() -> None:
        poll = select.poll()
        poll.register(words, 0)
        if poll.poll(0):  # closed at the other end: nobody waits for the answer
            raise Told

    try:
        (ended,) = ask_each(1, ask, time_limit=work.time_limit, waiting=look)
    except ImgtoolsError as error:  # there is no room for an answer, or no further process
        return _failed(error)
    return _read(ended)


def _read(ended: Ended) -> bytes:
    with ended.answer as stream:
        content = stream.read(MOST_BYTES + 1)
    if ended.failure is not None:
        return _failed(ended.failure)
    if len(content) > MOST_BYTES:
        return _failed(EngineFailed(f"its answer has more than {MOST_BYTES} bytes"))
    _import(content)
    return content


def _failed(error: ImgtoolsError) -> bytes:
    failure = facts_of(error)
    whole = {
        "code": failure.exit_code,
        "error": failure._asdict(),
        "warnings": [],
        "rows": {},
        "seconds": 0.0,
        "needed": [],
    }
    return json.dumps(whole).encode("ascii")


def _import(content: bytes) -> None:
    """Import what the process of an image had to import: the next ones begin with it."""
    with suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError, ImportError):
        for name in json.loads(content)["needed"]:
            if is_worth_having(name) and name not in sys.modules:
                importlib.import_module(name)


def send(stream: BinaryIO, content: bytes) -> None:
    """Write one message into a pipe."""
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message from a pipe; None at its end."""
    head = _exactly(stream, _LENGTH.size)
    return None if head is None else _exactly(stream, _LENGTH.unpack(head)[0])


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        piece = stream.read(size - len(found))
        if not piece:
            return None
        found += piece
    return bytes(found)


if __name__ == "__main__":
    main()
