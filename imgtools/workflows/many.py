"""Many images: each is asked in a process of its own, some at a time, for as long as it may take.

A process is a fork of this one, without exec: what was imported is there, and what one image does to it (a crash, a
leak, a hang) ends with it. It writes its answer into a file without a name, so that an answer can be of any size and
nothing is left of it, and it leads a process group, which is ended as a whole.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, NoReturn

from imgtools.errors import EngineFailed, EngineTimeout, HostError, ImgtoolsError

# Called in the process of one image, with its place in the order given, and where its answer goes.
Ask = Callable[[int, BinaryIO], None]

GRACE = 10.0  # seconds for a process that was told to end: it ends programs, and removes what it made
TICK = 1.0  # seconds between two looks at whoever waits
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Ended(NamedTuple):
    """What became of one image."""

    place: int  # in the order given, from 0
    answer: BinaryIO  # what its process wrote, from the beginning; the reader closes it
    failure: ImgtoolsError | None  # why its process did not come to its end; None: it did


@dataclass(slots=True)
class _Asked:
    """The process of one image, until it has ended."""

    place: int
    pid: int
    exited: int  # a descriptor of the process (pidfd), readable when it has ended
    answer: BinaryIO
    deadline: float  # of time.monotonic()
    overdue: bool = False


def ask_each(
    count: int,
    ask: Ask,
    *,
    parallel: int = 1,
    time_limit: float | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Ended]:
    """Call ``ask`` for each of ``count`` images in a process of its own; yield each as it ends.

    Whoever stops listening, or is interrupted, ends all processes. This process must have no threads.

    :param parallel: how many at a time. With 1 they end in the order given.
    :param time_limit: seconds for each image, from its process' first moment.
    :param waiting: called every second in which none ends.
    :raises HostError: there is no room for an answer, or no further process.
    """
    running: list[_Asked] = []
    places = iter(range(count))
    try:
        _fill(running, places, ask, parallel, time_limit)
        while running:
            ended = [(one, _reap(one)) for one in _wait(running, waiting)]
            for one, _ in ended:
                running.remove(one)
            _fill(running, places, ask, parallel, time_limit)
            for one, status in ended:
                one.answer.seek(0)
                yield Ended(one.place, one.answer, _failure(status, time_limit if one.overdue else None))
    finally:
        _end(running)


def _failure(status: int, overdue: float | None) -> ImgtoolsError | None:
    """Why a process did not come to its end, from its wait status; ``overdue`` is the limit that it exceeded."""
    if status == 0:
        return None
    if overdue is not None:
        return EngineTimeout(f"no answer within {overdue:g} s", hint="--time-limit gives it longer")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return EngineFailed(
            f"the process that read it was ended by {name}",
            hint="the image is damaged or hostile, or the host has no memory left",
        )
    return EngineFailed("the process that read it ended without an answer", hint="run again with -v")


# -- beginning ----------------------------------------------------------------------------------------------


def _fill(
    running: list[_Asked], places: Iterator[int], ask: Ask, parallel: int, time_limit: float | None
) -> None:
    while len(running) < parallel and (place := next(places, None)) is not None:
        _begin(running, place, ask, time_limit)


def _begin(running: list[_Asked], place: int, ask: Ask, time_limit: float | None) -> None:
    """Start the process of one image, and note it among those that run.

    Signals wait meanwhile: in the new process one would unwind what belongs to this one, and here it would come
    before the process is noted, so that nobody ended it.
    """
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        answer = tempfile.TemporaryFile()  # noqa: SIM115  # its reader closes it
        pid = os.fork()
        if pid == 0:
            _answer(place, ask, answer, running, parent, before)
        with suppress(PermissionError, ProcessLookupError):  # it did it itself, and may have gone on
            os.setpgid(pid, pid)
        deadline = math.inf if time_limit is None else time.monotonic() + time_limit
        running.append(_Asked(place, pid, os.pidfd_open(pid), answer, deadline))
    except OSError as error:
        raise HostError(
            f"no process for a further image: {error.strerror}", hint="--parallel with a smaller number"
        ) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _answer(
    place: int,
    ask: Ask,
    answer: BinaryIO,
    others: Sequence[_Asked],
    parent: int,
    mask: set[int | signal.Signals],
) -> NoReturn:
    """Be the process of one image. Whatever is raised ends here: this is a copy of somebody else's stack."""
    code = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # which has gone before it could be waited for
            os._exit(code)
        for other in others:  # the answers of other images are not this one's to read or to write
            os.close(other.exited)
            other.answer.close()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        ask(place, answer)
        answer.flush()
        code = 0
    finally:
        os._exit(code)


# -- ending -------------------------------------------------------------------------------------------------


def _wait(running: Sequence[_Asked], waiting: Callable[[], None]) -> list[_Asked]:
    """Wait until some have ended, and end those whose time is over."""
    poll = select.poll()
    for one in running:
        poll.register(one.exited, select.POLLIN)
    while True:
        now = time.monotonic()
        for one in running:
            if one.deadline <= now:
                _hurry(one, now)
        left = min(TICK, min(one.deadline for one in running) - now)
        if ready := {number for number, _ in poll.poll(math.ceil(left * 1000))}:
            return [one for one in running if one.exited in ready]
        waiting()


def _hurry(one: _Asked, now: float) -> None:
    """Tell a process to end; one that was told already is ended."""
    if one.overdue:
        _kill_group(one)
        one.deadline = math.inf
    else:
        os.kill(one.pid, signal.SIGTERM)
        one.overdue, one.deadline = True, now + GRACE


def _reap(one: _Asked) -> int:
    """Return the wait status of a process that has ended, or ends now, with all that is left of its group."""
    _kill_group(one)
    _, status = os.waitpid(one.pid, 0)
    os.close(one.exited)
    return status


def _kill_group(one: _Asked) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(one.pid, signal.SIGKILL)


def _end(running: list[_Asked]) -> None:
    """End all processes: politely, so that they end their programs, and after a while by force."""
    try:
        for one in running:
            os.kill(one.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        for one in running:
            poll = select.poll()
            poll.register(one.exited, select.POLLIN)
            poll.poll(max(0, math.ceil((until - time.monotonic()) * 1000)))
    finally:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        for one in running:
            _reap(one)
            one.answer.close()
        running.clear()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
