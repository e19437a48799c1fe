"""Programs that end when we do, however we end, and take with them what they have mounted.

Each has a keeper, a shell of a few lines in a session of its own, which waits on a pipe that we hold open. Whoever is
killed, somebody is left to clean up: when we are, the keeper ends the program; when the program is, the keeper takes
down what it has mounted; when the keeper is, the kernel ends the program, which unmounts. When all are killed at once,
the next imgtools sweeps (:mod:`imgtools.engine.held_folder`).
"""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.held_folder import HeldFolder, hold, take_away
from imgtools.engine.process import clean_environment, require
from imgtools.errors import EngineTimeout

log = logging.getLogger(__name__)

END_SECONDS = 60.0  # milliseconds are usual; a daemon may have much to write
LAST_SECONDS = 5.0  # for a program whose keeper was killed, and for what was killed itself
POLL = 0.005

# How a folder is removed. No * reaches deeper than the folder, and a mount in it cannot be removed, so that nothing is
# lost across one. The lock (which no * means) is removed after what it is held for.
REMOVE = """
remove() { rm -fd "$dir"/* "$dir"/.lock* "$dir"; }
take_down() { fusermount3 -u -z "$1" || umount -l "$1"; }
take_all_down() { for place in "$dir"/*; do take_down "$place"; done; }
"""

TALK = 4  # the descriptor by which we can talk to a program

# Runs a program as long as we hold the other end of its standard input; then ends it politely, so that it unmounts
# what it has mounted, and removes its folder. Nobody but the program keeps descriptor 4: its end is seen at once. Who
# waits for us to end outlives a keeper that is killed: by then the program's number can be another's, whose parent is
# not the keeper ($$, also in a subshell).
KEEPER = (
    REMOVE
    + """
dir=$1; shift
exec 3<&0 4>&1 </dev/null >/dev/null
"$@" 3<&- &
child=$!
exec 4>&-
{
    read -r _ <&3
    read -r stat </proc/$child/stat
    set -- ${stat##*) }
    [ "$2" = $$ ] && kill -TERM $child
} 2>/dev/null &
watch=$!
exec 3<&-
wait $child; code=$?
exec 2>/dev/null
kill $watch
[ $code = 0 ] || take_all_down
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
    :param talk: what the program finds as its descriptor TALK.
    :param keep_open: further descriptors that it inherits; not those below 10, some of which are the keeper's.
    """

    def __init__(
        self,
        argv: Sequence[str],
        folder: HeldFolder,
        *,
        talk: int = subprocess.DEVNULL,
        keep_open: Sequence[int] = (),
    ) -> None:
        self.folder = folder.path
        self._name = argv[0]
        try:
            program = [require("setpriv"), "--pdeathsig", "TERM", require(argv[0]), *argv[1:]]
            self._words = io.FileIO(os.memfd_create("stderr"), "r+")
            log.debug("start: %s", " ".join(argv))
            script = ["sh", "-c", KEEPER, "keeper", os.fspath(self.folder), *program]
            passed = (folder.lock, *keep_open)
            self._process = _start(script, passed, stdout=talk, stderr=self._words)
        except BaseException:
            folder.let_go()
            take_away(self.folder)
            raise
        folder.let_go()

    @property
    def has_ended(self) -> bool:
        """Whether keeper and program are gone."""
        return self._process.poll() is not None

    def complaint(self) -> str:
        """Return the last line that the program wrote on standard error."""
        self._words.seek(0)
        lines = (self._words.read() or b"").decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def end(self) -> None:
        """Let the program end, and wait until it has.

        :raises EngineTimeout: it does not.
        """
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise EngineTimeout(f"{self._name} does not end") from None
        finally:
            self._words.close()
            self._take_away()

    def _take_away(self) -> None:
        """Do what the keeper does, if it was killed: its program is ending by itself, and lets go of the folder."""
        deadline = time.monotonic() + LAST_SECONDS
        while self.folder.exists() and not take_away(self.folder) and time.monotonic() < deadline:
            time.sleep(POLL)


def _start(
    script: Sequence[str],
    passed: Sequence[int],
    *,
    stdout: int = subprocess.DEVNULL,
    stderr: io.FileIO | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a keeper; whatever it starts inherits the descriptors ``passed``, the lock of its folder among them."""
    # A session of its own: Ctrl-C on the terminal is ours to answer, not the program's.
    return subprocess.Popen(
        script,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(passed),
        env=clean_environment(),
        start_new_session=True,
    )


@contextmanager
def watched_mount(place: Path, folder: Path) -> Iterator[None]:
    """Have ``place`` unmounted and ``folder`` removed if we are killed before the block ends.

    :param folder: has what is lost with us, and is held until this process ends; its name begins with
        ``held_folder.PREFIX``, for the next sweep.
    """
    # Never let go by us: what was changed is needed until it is committed, long after the folder is unmounted.
    lock = hold(folder)
    script = ["sh", "-c", WATCHER, "watcher", os.fspath(place), os.fspath(folder)]
    with _start(script, (lock,)) as watcher:
        try:
            yield
        finally:
            watcher.communicate(b"unmounted\n")
