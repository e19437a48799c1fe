"""Starts programs of the host, each behind its fence: nothing else in imgtools does (tests/house/test_confined.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from imgtools.engine.confined import landlock
from imgtools.engine.confined.fence import Fence, PutUp
from imgtools.engine.confined.kinds import Limits

if TYPE_CHECKING:
    from imgtools.engine.confined.bubblewrap import Walls

AS_ITS_KIND = Limits(seconds=None)
DIES_BY = ["setpriv", "--pdeathsig"]
Stream = int | IO[bytes] | None


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: ours, in the C locale, so that its words can be read by a program.

    With one heap for all its threads: glibc reserves 64 to 128 MB of address space for the heap of each, and a QEMU
    program starts up to 64 threads when the host's disk is slow, which ended it at its limit of memory.
    """
    return {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "1", **(extra or {})}


def start_program(
    argv: Sequence[str],
    fence: Fence,
    *,
    limits: Limits = AS_ITS_KIND,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.PIPE,
    stderr: Stream = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    own_session: bool = False,
    dies_by: int = 0,
    begin: str = "",
) -> subprocess.Popen[bytes]:
    """Start one program behind its fence.

    :param argv: begins with the program's full path.
    :param limits: memory and processor time, where they differ from those of its kind.
    :param own_session: Ctrl-C on the terminal is for us to handle, not for the program.
    :param dies_by: the signal that it gets when we are killed.
    :param begin: what a shell does before it becomes the program.
    """
    given = [stream for stream in (stdin, stdout, stderr) if stream is not None]
    numbers = [stream if isinstance(stream, int) else stream.fileno() for stream in given]
    opened = [number for number in (*numbers, *pass_fds) if number >= 0]
    with ExitStack() as stack:
        walls = _walls(fence, argv[0], dies_by)
        put_up = PutUp(fence, argv[0], limits, opened, is_walled=walls is not None)
        stack.callback(put_up.close)
        if fence.kind.allowance.is_fenced or begin:
            argv = [*put_up.limiting_words(begin), *argv]
        argv = [*DIES_BY, signal.Signals(dies_by).name[3:], *argv] if dies_by else argv
        if walls is not None:
            argv, pass_fds = [*walls.words, *argv], [*pass_fds, *walls.descriptors]
            stack.callback(walls.close)

        def spawn(prepare: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                # Never empty: else Python 3.13 uses posix_spawn(3), from a place where the filter allows no fork.
                pass_fds=tuple(pass_fds) or (0,),
                env=clean_environment(env),
                cwd=cwd,
                start_new_session=own_session,
                preexec_fn=prepare,
            )

        if put_up.in_child:
            return spawn(put_up.enter)
        if put_up.asks_for_mounts:
            return _with_mounts(put_up, spawn, _folder_of(fence), own_mounts=fence.kind.allowance.own_mounts)
        process = _in_a_thread(put_up.enter, spawn, stays=bool(dies_by))
    if not fence.kind.allowance.is_fenced:
        put_up.limit(process.pid)
    return process


def _walls(fence: Fence, program: str, dies_by: int) -> Walls | None:
    if landlock.abi():
        return None
    from imgtools.engine.confined import bubblewrap

    return bubblewrap.walls(fence, program, dies_by=dies_by) if bubblewrap.is_needed(fence) else None


def _in_a_thread(
    prepare: Callable[[], None], spawn: Callable[[], subprocess.Popen[bytes]], *, stays: bool
) -> subprocess.Popen[bytes]:
    """Start a program from a thread that has put up the fence around itself.

    Thus nothing has to be done between fork and exec, and Python can use vfork(2), at a quarter of the cost.

    :param stays: as long as the program: what is to die with its parent dies with the thread that has started it.
    """
    made: list[subprocess.Popen[bytes]] = []
    failed: list[OSError] = []
    is_done = threading.Event()

    def work() -> None:
        try:
            prepare()
            made.append(spawn())
        except OSError as error:
            failed.append(error)
        is_done.set()
        if stays and made:
            # A signal that this thread got would be lost on those that wait for one.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, made[0].pid, os.WEXITED | os.WNOWAIT)

    threading.Thread(target=work, name="starting a program", daemon=True).start()
    is_done.wait()
    if failed:
        raise failed[0]
    return made[0]


def _folder_of(fence: Fence) -> Path | None:
    """The folder that is a program's own, if it has one: what is mounted is mounted there."""
    return next((path for path in fence.writes if isinstance(path, Path) and path.is_dir()), None)


def _with_mounts(
    put_up: PutUp, spawn: Callable[[], subprocess.Popen[bytes]], folder: Path | None, *, own_mounts: bool
) -> subprocess.Popen[bytes]:
    """Start a program from a thread that then mounts for it what it asks for, until it has ended.

    :param own_mounts: what this thread and the program mount nobody else sees, where the kernel lets us.
    """
    from imgtools.engine.confined import mounts

    made: list[subprocess.Popen[bytes]] = []
    failed: list[OSError] = []
    is_done = threading.Event()

    def work() -> None:
        try:
            if own_mounts:
                mounts.have_own_mounts()
            made.append(_in_a_thread(put_up.enter, spawn, stays=True))
        except OSError as error:
            failed.append(error)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        is_done.set()
        if put_up.listener >= 0:
            mounts.mount_for(put_up.listener, folder)

    threading.Thread(target=work, name="mounting for a program", daemon=True).start()
    is_done.wait()
    if failed:
        raise failed[0]
    return made[0]


def start_for_user(text: str, stdin: Stream, stdout: Stream) -> subprocess.Popen[bytes]:
    """Start a command that the user typed, for a shell; it is the user's own, so there is no fence."""
    return subprocess.Popen(["/bin/sh", "-c", text], stdin=stdin, stdout=stdout)


def start_for_person(argv: Sequence[str], stdout: Stream) -> int:
    """Run a person's own program on our terminal, and return its exit code."""
    return subprocess.run(argv, check=False, stdout=stdout).returncode


def start_in_folder(argv: Sequence[str], folder: Path, variables: Mapping[str, str], stdout: Stream) -> int:
    """Run a person's own program with a working directory and more variables, and return its exit code."""
    environment = {**os.environ, **variables}
    return subprocess.run(argv, check=False, cwd=folder, env=environment, stdout=stdout).returncode
