"""Progress of long work on stderr: a bar for people, JSON lines for programs.

``--progress auto`` draws a bar on a terminal for work that takes over two seconds; ``json`` writes
``{"progress": {"stage": ..., "done": ..., "total": ...}}`` lines; ``none`` is silent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

# Called with (done, total) in any one unit; total 0 means not known.
Reporter = Callable[[int, int], None]

PATIENCE = 2.0  # seconds that people wait without wondering
EVERY = 0.2  # seconds between two lines of JSON


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


def _json_reporter(title: str, stream: TextIO) -> Reporter:
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY and done != total:
            return
        last = now
        stream.write(json.dumps({"progress": {"stage": title, "done": done, "total": total}}) + "\n")
        stream.flush()

    return report


@contextmanager
def _bar(title: str, stream: TextIO) -> Iterator[Reporter]:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    began = time.monotonic()
    bar = Progress(console=Console(file=stream, highlight=False, markup=False), transient=True)
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
