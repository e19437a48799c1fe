"""What a Dask worker gets to answer with: forkers, as many as it has threads that ask at a time."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from distributed import Worker, WorkerPlugin, get_worker

from imgtools import __version__
from imgtools.errors import EngineFailed
from imgtools.fleet.forked import Forker, ForkerGone
from imgtools.fleet.work import Work, facts_of

NAME = f"imgtools-fleet-{__version__}"


class Answered(NamedTuple):
    """What a worker returns."""

    content: bytes  # JSON, as :mod:`imgtools.fleet.work` reads it
    host: str


class Forkers(WorkerPlugin):
    """The forkers of one worker; they are started when they are needed."""

    name = NAME

    def setup(self, worker: Worker) -> None:
        """Begin, in the worker."""
        self._idle: SimpleQueue[Forker] = SimpleQueue()
        self._all: list[Forker] = []

    def teardown(self, worker: Worker) -> None:
        """End them."""
        for forker in self._all:
            forker.end()

    def ask(self, work: Work) -> bytes:
        """Have one image asked."""
        try:
            forker = self._idle.get_nowait()
        except Empty:
            forker = Forker()
            self._all.append(forker)
        try:
            content = forker.ask(work)
        except ForkerGone:
            with suppress(ValueError):
                self._all.remove(forker)
            forker.end()
            failure = facts_of(
                EngineFailed(
                    "what asked it has ended", hint="the host has no memory left, or somebody killed it"
                )
            )
            empty = {"warnings": [], "rows": {}, "seconds": 0.0, "needed": []}
            return json.dumps({"code": failure.exit_code, "error": failure._asdict(), **empty}).encode()
        self._idle.put(forker)
        return content


def answer_image(work: Work) -> Answered:
    """Have an image asked by the worker that this is called in: a task of Dask."""
    forkers = get_worker().plugins[NAME]
    assert isinstance(forkers, Forkers)
    return Answered(forkers.ask(work), socket.gethostname())
