"""Many images: each is asked in a process of its own, some at a time, for as long as it may take.

A process is a fork of this one, without exec: what was imported is there, and what one image does to it (a crash, a
leak, a hang) ends with it. It writes its answer into a file without a name, so that an answer can be of any size and
nothing is left of it, and it leads a process group, which is ended as a whole.

Where images may share an appliance, they are asked without it first. Those that need it are asked again, some of them
one after the other in one process (:mod:`imgtools.image.sharing`); it tells of each when it is through with it. Those
that it does not come to, or whose answer could be the fault of another, are asked once more, each in a process of its
own and with its own appliance.
"""

from __future__ import annotations

import ctypes
import math
import os
import select
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import BinaryIO, NamedTuple, NoReturn

from imgtools.errors import (
    ApplianceFailed,
    EngineFailed,
    EngineTimeout,
    HostError,
    ImgtoolsError,
    ToolMissing,
)
from imgtools.image.sharing import Deferred, deferring, sharing

# Called in the process of one image, with its place in the order given, and where its answer goes; returns its exit
# code.
Ask = Callable[[int, BinaryIO], int]

GRACE = 10.0  # seconds for a process that was told to end: it ends programs, and removes what it made
TICK = 1.0  # seconds between two looks at whoever waits
MOST_TOGETHER = 16  # images that share a process: what a crash costs is asked again
DEFERRED = 3  # how a process ends whose image needs the appliance
# What another image of the same appliance could be to blame for.
DOUBTFUL = frozenset(kind.exit_code for kind in (EngineFailed, ToolMissing, ApplianceFailed, EngineTimeout))
THROUGH, AGAIN = (
    b".",
    b"!",
)  # what a process that several share says of each: answered; to be asked once more, alone
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Ended(NamedTuple):
    """What became of one image."""

    place: int  # in the order given, from 0
    answer: BinaryIO  # what its process wrote, from the beginning; the reader closes it
    failure: ImgtoolsError | None  # why its process did not come to its end; None: it did


class _Way(Enum):
    """How a process may come to an appliance."""

    ALONE = auto()  # one for its image
    WITHOUT = auto()  # not at all: the image is deferred
    TOGETHER = auto()  # one for all its images


class _Work(NamedTuple):
    """What a process is to do."""

    way: _Way
    places: tuple[int, ...]


class _Queue:
    """What is still to be asked, and how.

    :param shares: whether images that need the appliance share one.
    """

    def __init__(self, count: int, parallel: int, *, shares: bool) -> None:
        self._first = _Way.WITHOUT if shares else _Way.ALONE
        self._fresh = deque(range(count))
        self._deferred: list[int] = []
        self._alone: deque[int] = deque()
        self._groups: deque[tuple[int, ...]] = deque()
        self._parallel = parallel

    def take(self, running: Sequence[_Asked]) -> _Work | None:
        """Return what is to be done next; None if there is nothing, or it has to wait for what runs."""
        if self._fresh:
            return _Work(self._first, (self._fresh.popleft(),))
        if self._deferred and not any(one.work.way is _Way.WITHOUT for one in running):
            self._divide()
        if self._groups:
            return _Work(_Way.TOGETHER, self._groups.popleft())
        return _Work(_Way.ALONE, (self._alone.popleft(),)) if self._alone else None

    def _divide(self) -> None:
        """Make groups of the images that need the appliance: as many as may run at a time, or more."""
        waiting, self._deferred = sorted(self._deferred), []
        size = min(MOST_TOGETHER, math.ceil(len(waiting) / self._parallel))
        if size == 1:
            self._alone.extend(waiting)
        else:
            self._groups.extend(
                tuple(waiting[start : start + size]) for start in range(0, len(waiting), size)
            )

    def defer(self, place: int) -> None:
        """Note an image that needs the appliance."""
        self._deferred.append(place)

    def again(self, place: int) -> None:
        """Note an image that is to be asked once more, with an appliance of its own."""
        self._alone.append(place)


@dataclass(slots=True)
class _Asked:
    """A process, until it has ended."""

    work: _Work
    answers: deque[BinaryIO]  # of the images that it is not through with
    pid: int
    exited: int  # a descriptor of the process (pidfd), readable when it has ended
    told: int  # where it says of each image that it is through with it; -1: it has one image only
    deadline: float  # of time.monotonic()
    overdue: bool = False

    @property
    def left(self) -> tuple[int, ...]:
        """The images that it is not through with."""
        return self.work.places[len(self.work.places) - len(self.answers) :]


def ask_each(
    count: int,
    ask: Ask,
    *,
    parallel: int = 1,
    time_limit: float | None = None,
    share_appliance: bool = False,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Ended]:
    """Call ``ask`` for each of ``count`` images in a process of its own; yield each as it ends.

    Whoever stops listening, or is interrupted, ends all processes. This process must have no threads.

    :param parallel: how many at a time. With 1 they end in the order given, those that share an appliance last.
    :param time_limit: seconds for each image, from the first moment in which it is asked.
    :param share_appliance: let images that need the appliance share one, in one process.
    :param waiting: called every second in which none ends.
    :raises HostError: there is no room for an answer, or no further process.
    """
    running: list[_Asked] = []
    queue = _Queue(count, parallel, shares=share_appliance)
    try:
        _fill(running, queue, ask, parallel, time_limit)
        while running:
            exited = _wait(running, waiting)
            ended = [one for asked in running for one in _told(asked, queue, time_limit)]
            reaped = [(one, _reap(one)) for one in exited]
            for one, status in reaped:
                running.remove(one)
                _close(one)
                ended += _last(one, status, queue, time_limit)
            _fill(running, queue, ask, parallel, time_limit)
            for answered in ended:
                answered.answer.seek(0)
                yield answered
    finally:
        _end(running)


def _told(asked: _Asked, queue: _Queue, time_limit: float | None) -> Iterator[Ended]:
    """Yield what a process with several images is through with."""
    if asked.told < 0:
        return
    with suppress(BlockingIOError):
        for said in os.read(asked.told, MOST_TOGETHER):
            place, answer = asked.left[0], asked.answers.popleft()
            if not asked.overdue:
                asked.deadline = _deadline(time_limit)
            if bytes([said]) == THROUGH:
                yield Ended(place, answer, None)
            else:
                answer.close()
                queue.again(place)


def _last(asked: _Asked, status: int, queue: _Queue, time_limit: float | None) -> Iterator[Ended]:
    """Yield what became of the images that a process was not through with when it ended."""
    is_deferred = (
        asked.work.way is _Way.WITHOUT and os.WIFEXITED(status) and os.WEXITSTATUS(status) == DEFERRED
    )
    for place, answer in zip(asked.left, asked.answers, strict=True):
        if asked.work.way is not _Way.TOGETHER and not is_deferred:
            yield Ended(place, answer, _failure(status, time_limit if asked.overdue else None))
            continue
        answer.close()
        if is_deferred:
            queue.defer(place)
        else:
            queue.again(place)


def _deadline(time_limit: float | None) -> float:
    return math.inf if time_limit is None else time.monotonic() + time_limit


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


def _fill(running: list[_Asked], queue: _Queue, ask: Ask, parallel: int, time_limit: float | None) -> None:
    while len(running) < parallel and (work := queue.take(running)) is not None:
        _begin(running, work, ask, time_limit)


def _begin(running: list[_Asked], work: _Work, ask: Ask, time_limit: float | None) -> None:
    """Start a process, and note it among those that run.

    Signals wait meanwhile: in the new process one would unwind what belongs to this one, and here it would come
    before the process is noted, so that nobody ended it.
    """
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    told = tell = -1
    try:
        # Their reader closes them.
        answers = deque[BinaryIO](tempfile.TemporaryFile() for _ in work.places)  # noqa: SIM115
        if work.way is _Way.TOGETHER:
            told, tell = os.pipe()
            os.set_blocking(told, False)
        pid = os.fork()
        if pid == 0:
            _answer(_Child(work, ask, answers, tell), running, parent, before)
        with suppress(PermissionError, ProcessLookupError):  # it did it itself, and may have gone on
            os.setpgid(pid, pid)
        running.append(_Asked(work, answers, pid, os.pidfd_open(pid), told, _deadline(time_limit)))
    except OSError as error:
        raise HostError(
            f"no process for a further image: {error.strerror}", hint="--parallel with a smaller number"
        ) from None
    finally:
        if tell >= 0:
            os.close(tell)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Child(NamedTuple):
    """What a new process is to do."""

    work: _Work
    ask: Ask
    answers: Sequence[BinaryIO]
    tell: int

    def run(self) -> int:
        """Ask; returns the code that the process ends with."""
        if self.work.way is _Way.TOGETHER:
            with sharing():
                for place, answer in zip(self.work.places, self.answers, strict=True):
                    code = self.ask(place, answer)
                    answer.flush()
                    os.write(self.tell, AGAIN if code in DOUBTFUL else THROUGH)
            return 0
        (place,), (answer,) = self.work.places, self.answers
        if self.work.way is _Way.ALONE:
            self.ask(place, answer)
        else:
            try:
                with deferring():
                    self.ask(place, answer)
            except Deferred:
                return DEFERRED
        answer.flush()
        return 0


def _answer(
    child: _Child, others: Sequence[_Asked], parent: int, mask: set[int | signal.Signals]
) -> NoReturn:
    """Be a new process. Whatever is raised ends here: this is a copy of somebody else's stack."""
    code = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # which has gone before it could be waited for
            os._exit(code)
        for other in others:  # the answers of other images are not this one's to read or to write
            _forget(other)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = child.run()
    finally:
        os._exit(code)


def _close(asked: _Asked) -> None:
    """Close the descriptors by which a process is watched."""
    os.close(asked.exited)
    if asked.told >= 0:
        os.close(asked.told)


def _forget(asked: _Asked) -> None:
    """Close all that there is of a process here."""
    _close(asked)
    for answer in asked.answers:
        answer.close()


# -- ending -------------------------------------------------------------------------------------------------


def _wait(running: Sequence[_Asked], waiting: Callable[[], None]) -> list[_Asked]:
    """Wait until some have ended, or have told of an image, and end those whose time is over; return the former."""
    poll = select.poll()
    for one in running:
        poll.register(one.exited, select.POLLIN)
        if one.told >= 0:
            poll.register(one.told, select.POLLIN)
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
            _forget(one)
        running.clear()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
