"""Programs of an edit that have a folder of their own, end when we do, and take with them what they have mounted.

Whoever is killed, somebody is left to clean up: when we are, the kernel ends the program, which unmounts itself, and
its keeper (:mod:`imgtools.engine.confined.keeper`) takes down what is still mounted and removes the folder; when the
program or its keeper is, we do. When all are killed at once, the next imgtools sweeps
(:mod:`imgtools.engine.held_folder`).
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from imgtools.engine.confined.fence import HOST, Fence
from imgtools.engine.confined.keeper import LOWEST, Program
from imgtools.engine.confined.keeper import Kept as KeptProgram
from imgtools.engine.confined.start import start_program
from imgtools.engine.held_folder import HeldFolder, clear, hold, take_away
from imgtools.engine.process import full
from imgtools.errors import EngineTimeout

log = logging.getLogger(__name__)

END_SECONDS = 60.0  # milliseconds are usual; a daemon may have much to write
LAST_SECONDS = 5.0  # for what was killed
POLL = 0.005

# How a folder is removed. No * reaches deeper than the folder, and a mount in it cannot be removed, so that nothing is
# lost across one. The lock (which no * means) is removed after what it is held for.
REMOVE = """
remove() { rm -fd "$dir"/* "$dir"/.imgtools-lock* "$dir"; }
take_down() { fusermount3 -u -z "$1" || umount -l "$1"; }
take_all_down() { for place in "$dir"/*; do take_down "$place"; done; }
"""

TALK = 4  # the descriptor by which we can talk to a program

# The talk comes as descriptor 0 and the word to begin as 1. Nobody but the program keeps the talk: its end is seen at
# once.
BEGIN = "read -r _ <&1 || exit; exec 4<&0 </dev/null >/dev/null"

# Waits until a program that was told to end has unmounted what it has mounted, but not for ever; a zombie has ended.
CLEAN_UP = (
    REMOVE
    + """
dir=$1 left=1200
runs() { read -r stat </proc/$pid/stat && case "${stat##*) }" in Z*) false ;; esac; }
while [ "$pid" ] && runs && [ $left -gt 0 ]; do sleep 0.05; left=$((left - 1)); done
[ "$pid" ] && runs && kill -9 "$pid"
remove || { take_all_down; remove; }
"""
)

# Takes down what we have mounted ourselves, if our end of the pipe closes before we have said that it is unmounted.
# What answers there is not ours any more: another mount, or the folder itself.
WATCHER = (
    REMOVE
    + """
place=$1 dir=$2
read -r _ && exit
[ -d "$place" ] || take_down "$place"
remove
"""
)


class Kept:
    """A program that ends when we do, however we end.

    :param folder: is the program's and its keeper's from now on, and removed when they have ended.
    :param fence: what it may open and use besides its folder.
    :param talk: what the program finds as its descriptor TALK.
    :param keep_open: further descriptors that it inherits; none below 10.
    """

    def __init__(
        self,
        argv: Sequence[str],
        fence: Fence,
        folder: HeldFolder,
        *,
        talk: int = subprocess.DEVNULL,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.folder = folder.path
        self._name = argv[0]
        with ExitStack() as stack:
            # What was begun holds the folder still, for a moment: it ends because it gets no word to go on.
            stack.callback(self._remove_by, take_away)
            stack.callback(folder.let_go)
            self._words = io.FileIO(os.memfd_create("stderr"), "r+")
            log.debug("start: %s", " ".join(argv))
            lock = fcntl.fcntl(folder.lock, fcntl.F_DUPFD_CLOEXEC, LOWEST)
            try:
                fence = Fence(fence.kind, fence.reads, (*fence.writes, self.folder))
                words = self._words.fileno()
                program = Program(full(argv), fence, BEGIN, talk, words, keep_open)
                self._kept = KeptProgram(program, CLEAN_UP, [os.fspath(self.folder)], [lock])
            finally:
                os.close(lock)
            stack.pop_all()
        folder.let_go()

    @property
    def shown(self) -> Path:
        """Its folder with what it has mounted there, which may be mounted for it and us alone."""
        own = Path("/proc", str(self._kept.program.pid))
        with suppress(OSError):
            if (own / "ns" / "mnt").readlink() != Path("/proc/self/ns/mnt").readlink():
                return own / "root" / self.folder.relative_to("/")
        return self.folder

    @property
    def has_ended(self) -> bool:
        """Whether the program is gone."""
        return self._kept.program.poll() is not None

    def complaint(self) -> str:
        """Return the last line that the program wrote on standard error."""
        self._words.seek(0)
        lines = (self._words.read() or b"").decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def end(self) -> None:
        """Let the program end, and wait until it has.

        :raises EngineTimeout: it does not.
        """
        program = self._kept.program
        program.terminate()
        try:
            program.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            raise EngineTimeout(f"{self._name} does not end") from None
        finally:
            self._words.close()
            self._remove_by(clear)
            self._kept.dismiss()

    def _remove_by(self, way: Callable[[Path], bool]) -> None:
        """Remove the folder, and what is still mounted in it if the program was killed."""
        deadline = time.monotonic() + LAST_SECONDS
        while not way(self.folder) and time.monotonic() < deadline:
            time.sleep(POLL)


@contextmanager
def watched_mount(place: Path, folder: Path) -> Iterator[None]:
    """Have ``place`` unmounted and ``folder`` removed if we are killed before the block ends.

    :param folder: has what is lost with us, and is held until this process ends; its name begins with
        ``held_folder.PREFIX``, for the next sweep.
    """
    # Never let go by us: what was changed is needed until it is committed, long after the folder is unmounted.
    lock = hold(folder)
    script = ["/bin/sh", "-c", WATCHER, "watcher", os.fspath(place), os.fspath(folder)]
    watcher = start_program(
        script,
        HOST,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock],
        own_session=True,
    )
    with watcher:
        try:
            yield
        finally:
            watcher.communicate(b"unmounted\n")
