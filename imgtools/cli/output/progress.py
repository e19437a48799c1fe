"""Progress of long work on stderr: a bar for people, JSON lines for programs.

``--progress auto`` draws a bar on a terminal for work that takes over two seconds; ``json`` writes
``{"progress": {"stage": ..., "done": ..., "total": ...}}`` lines; ``none`` is silent.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Called with (done, total) in any one unit; total 0 means not known.
Reporter = Callable[[int, int], None]

PATIENCE = 2.0  # seconds that people wait without wondering
EVERY = 0.2  # seconds between two lines of JSON
CLEAR_LINE = "\x1b[K"  # ECMA-48: EL, erase to the end of the line
WIDTH = 80  # characters of a terminal that does not say
BAR = 20  # characters of the bar that counts images
SECOND = 1.0  # between two lines of JSON that only say that work goes on


@contextmanager
def open_progress(title: str, *, mode: str, quiet: bool, stream: TextIO) -> Iterator[Reporter]:
    """Yield what a workflow calls with ``(done, total)``."""
    if mode == "json":
        yield _json_reporter(title, stream)
    elif mode == "none" or quiet or (mode == "auto" and not stream.isatty()):
        yield lambda done, total: None
    else:
        with _bar(title, stream) as reporter:
            yield reporter


def _json_reporter(title: str, stream: TextIO) -> Callable[..., None]:
    import json  # late: few ask for it, and each start would pay

    last = 0.0

    def report(done: int, total: int, **more: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY and done != total:
            return
        last = now
        stream.write(json.dumps({"progress": {"stage": title, "done": done, "total": total, **more}}) + "\n")
        stream.flush()

    return report


@contextmanager
def _bar(title: str, stream: TextIO) -> Iterator[Reporter]:
    from rich.progress import Progress, TaskID

    began = time.monotonic()
    bar = Progress(console=_console(stream), transient=True)
    task: TaskID | None = None

    def report(done: int, total: int) -> None:
        nonlocal task
        if task is None:
            if time.monotonic() - began < PATIENCE:
                return
            bar.start()
            task = bar.add_task(title, total=None)
        bar.update(task, completed=done, total=total or None)

    try:
        yield report
    finally:
        bar.stop()


class Pace:
    """How quickly images are done, by those of the last half minute."""

    def __init__(self) -> None:
        from rich.progress import Progress  # its arithmetic; nothing of it is shown

        self._progress = Progress(auto_refresh=False, get_time=time.monotonic)
        self._task = self._progress.add_task("")

    def tell(self, done: int, total: int) -> None:
        """Note how many of how many are done."""
        self._progress.update(self._task, total=total, completed=done)

    @property
    def rate(self) -> float | None:
        """Images a second; None while nobody can tell."""
        return self._progress.tasks[0].speed or None

    @property
    def left(self) -> float | None:
        """The seconds that the others will take; None while nobody can tell."""
        return self._progress.tasks[0].time_remaining if self.rate else None


class Count:
    """How many images are done, on the last line of a terminal; it makes room for whatever else is printed.

    It has no thread: the processes of the images are forks.
    """

    def __init__(self, total: int, stream: TextIO) -> None:
        self.total, self._stream = total, stream
        self._began = time.monotonic()
        self._done = self._failed = self._kept = 0
        self._pace: Pace | None = None
        self._drawn = False

    def tell(self, done: int, failed: int, kept: int = 0) -> None:
        """Draw other numbers.

        :param kept: how many of those that are done took no time.
        """
        self._done, self._failed, self._kept = done, failed, kept
        if self._pace:
            self._pace.tell(done - kept, self.total - kept)
        self.draw()

    def draw(self) -> None:
        """Draw the numbers, if people have waited for a while."""
        self.clear()
        if self._done < self.total and time.monotonic() - self._began >= PATIENCE:
            self._stream.write(self._line(self._begun_pace()))
            self._stream.flush()
            self._drawn = True

    def clear(self) -> None:
        """Take it from the terminal."""
        if self._drawn:
            self._stream.write(f"\r{CLEAR_LINE}")
            self._stream.flush()
            self._drawn = False

    def _begun_pace(self) -> Pace:
        if self._pace is None:
            self._pace = Pace()
            self._pace.tell(self._done - self._kept, self.total - self._kept)
        return self._pace

    def _line(self, pace: Pace) -> str:
        """Return a line that is no wider than the terminal: a longer one could not be taken back."""
        from datetime import timedelta

        text = f"{self._done} of {self.total} images"
        if self._failed:
            text += f", {self._failed} failed"
        if pace.rate and pace.left is not None:
            text += f", {pace.rate:.3g}/s, {timedelta(seconds=round(pace.left))} left"
        width = _width(self._stream) - 1
        if len(text) + BAR + 3 <= width:
            full = BAR * self._done // self.total
            text = f"[{'#' * full}{'-' * (BAR - full)}] {text}"
        return text[:width]


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except OSError:
        return WIDTH


class _CountForPrograms(Count):
    def __init__(self, title: str, total: int, stream: TextIO) -> None:
        super().__init__(total, stream)
        self._pace = Pace()
        self._report = _json_reporter(title, stream)

    def draw(self) -> None:
        pace = self._begun_pace()
        rate, left = pace.rate, pace.left
        self._report(
            self._done,
            self.total,
            failed=self._failed,
            rate=None if rate is None else round(rate, 3),
            seconds_left=None if left is None else round(left),
        )


class _NoCount(Count):
    def draw(self) -> None:
        pass


@contextmanager
def open_count(title: str, total: int, *, mode: str, quiet: bool, stream: TextIO) -> Iterator[Count]:
    """Yield what counts images as they are done: for people on a terminal, for programs in lines of JSON."""
    if mode == "json":
        count: Count = _CountForPrograms(title, total, stream)
    elif mode == "none" or quiet or not stream.isatty():
        count = _NoCount(total, stream)
    else:
        count = Count(total, stream)
    try:
        yield count
    finally:
        count.clear()


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False)


@contextmanager
def open_waiting(title: str, *, mode: str, quiet: bool, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Show that work goes on whose end nobody knows; yield what stops it, for whoever has something to say.

    In JSON ``done`` is the seconds that have passed, and ``total`` 0.
    """
    if mode == "none" or quiet or (mode == "auto" and not stream.isatty()):
        yield lambda: None
        return
    over = threading.Event()
    tell = _count_seconds if mode == "json" else _spin
    teller = threading.Thread(target=tell, args=(title, stream, over), name="waiting", daemon=True)

    def stop() -> None:
        over.set()
        teller.join()

    teller.start()
    try:
        yield stop
    finally:
        stop()


def _count_seconds(title: str, stream: TextIO, over: threading.Event) -> None:
    report, began = _json_reporter(title, stream), time.monotonic()
    while not over.wait(SECOND):
        report(round(time.monotonic() - began), 0)


def _spin(title: str, stream: TextIO, over: threading.Event) -> None:
    if over.wait(PATIENCE):
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_console(stream), transient=True) as spinner:
        task = spinner.add_task(title, total=None)
        spinner.tasks[task].start_time = spinner.get_time() - PATIENCE
        over.wait()
