"""The forker as its worker sees it: a program that is given a work and returns an answer."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress

from imgtools.fleet.forker import receive, send
from imgtools.fleet.work import Work

_MODULE = "imgtools.fleet.forker"


class ForkerGone(Exception):
    """It has ended, with the process of the image that it asked."""


class Forker:
    """A forker that has been started; not for two threads at a time."""

    def __init__(self) -> None:
        (source, words), (answers, target) = os.pipe(), os.pipe()
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", "-m", _MODULE],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, target, 1)],
            )
        except OSError:
            os.close(words)
            os.close(answers)
            raise
        finally:
            os.close(source)
            os.close(target)
        self._words = os.fdopen(words, "wb")  # end() closes it
        self._answers = os.fdopen(answers, "rb")

    def ask(self, work: Work) -> bytes:
        """Return the answer of an image, as :func:`imgtools.fleet.work.read_answer` reads it.

        :raises ForkerGone: the forker has ended.
        """
        try:
            send(self._words, pickle.dumps(work))
            content = receive(self._answers)
        except (BrokenPipeError, ConnectionResetError):
            content = None
        if content is None:
            raise ForkerGone
        return content

    def end(self) -> None:
        """Let it end, with what it asks."""
        with suppress(BrokenPipeError):
            self._words.close()
        self._answers.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
