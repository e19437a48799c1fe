"""Programs that end when we do, however we end, and a keeper for each that cleans up after it if we cannot.

The kernel ends the program when we die (``setpriv --pdeathsig``); it waits for a word of ours before it begins, so that
there is no moment in which it could be missed. The keeper is a shell of a few lines in a session of its own. It waits
on a pipe that we hold; when that closes before we have said that all is over, it does what is left to do.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from imgtools.engine.confined.fence import HOST, Fence
from imgtools.engine.confined.start import Stream, start_program

LOWEST = 10  # of descriptors that programs inherit besides those that a shell gives them by number


class Program(NamedTuple):
    """A program to keep.

    :param argv: begins with its full path.
    :param begin: what a shell does before it becomes the program; descriptor 1 is the pipe on which it reads a word.
    :param inherits: what it finds as descriptor 0, for ``begin``.
    :param descriptors: what it inherits besides, none below LOWEST.
    :param ends_by: the signal that ends it: SIGTERM lets it unmount and write first.
    """

    argv: Sequence[str]
    fence: Fence
    begin: str
    inherits: Stream
    complaints: int
    descriptors: Sequence[int] = ()
    ends_by: int = signal.SIGTERM


class Kept:
    """A running program and its keeper.

    :param script: what the keeper does when we are gone; ``$pid`` is the program's number, or empty.
    :param words: the keeper's arguments.
    :param lock: a descriptor that the keeper inherits, too.
    """

    def __init__(self, program: Program, script: str, words: Sequence[str], lock: Sequence[int] = ()) -> None:
        with ExitStack() as stack:
            waiting, self._lifeline = os.pipe()
            stack.callback(os.close, waiting)
            go, self._go = os.pipe()
            stack.callback(os.close, go)
            stack.callback(os.close, self._go)
            self.keeper = start_program(
                ["/bin/sh", "-c", WAIT + script, "keeper", *words],
                HOST,
                stdin=waiting,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=lock,
                own_session=True,
            )
            with ExitStack() as started:
                started.callback(self.dismiss)
                self.program = start_program(
                    program.argv,
                    program.fence,
                    stdin=program.inherits,
                    stdout=go,
                    stderr=program.complaints,
                    pass_fds=(*program.descriptors, *lock),
                    own_session=True,
                    dies_by=program.ends_by,
                    begin=program.begin,
                )
                started.pop_all()
            os.write(self._lifeline, f"{self.program.pid}\n".encode())
            os.write(self._go, b"go\n")

    def dismiss(self) -> None:
        """Tell the keeper that there is nothing left to do; may be called twice."""
        if self._lifeline >= 0:
            with suppress(BrokenPipeError):  # it was killed
                os.write(self._lifeline, b"0\nover\n")
            os.close(self._lifeline)
            self._lifeline = -1
            self.keeper.wait()


# The keeper's first lines: the program's number, and then a word from us if all is over.
WAIT = """
read -r pid
read -r word && exit
"""
