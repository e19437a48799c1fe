"""Run imgtools in a child that is killed at a chosen step, and say what is left on the host.

The steps are calls of the functions that make up a transaction, and the system calls that they make, counted by the
interpreter's own profiling hook: so a cut falls at the same place however fast the machine is, and nothing in
imgtools knows of it. Waiting for a program is two steps, its beginning and its end: how often Python asks meanwhile
depends on the machine. What is asked of the host alone, such as which loop devices it has, is no step: others change
it meanwhile. The clock stands still in the child, so that two runs write the same bytes.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import imgtools
from imgtools.change import applier
from imgtools.disk import in_use, new_file
from imgtools.disk.transaction import lock, marker, recover, signals, transaction
from imgtools.engine import held_folder, kept_program
from imgtools.engine.appliance import write as appliance_write
from imgtools.engine.confined import credentials
from imgtools.engine.confined.fence import OFF
from imgtools.engine.direct import write as direct_write
from imgtools.engine.qemu import overlay, storage_daemon
from imgtools.engine.qemu.img import running
from imgtools.filesystems.ext import writer
from imgtools.image import carry_out, edit

# By import: what is renamed is missed loudly, and no place to cut is lost.
# fmt: off
ROOMS = (
    applier, carry_out, edit, lock, marker, new_file, recover, signals, transaction,
    held_folder, kept_program, overlay, running, storage_daemon,
    appliance_write, direct_write, writer,
)
# fmt: on
NAMES = {module.__file__: module.__name__.rpartition(".")[2] for module in ROOMS}
# What a transaction asks of the host: whatever changes a file, starts a program or waits.
MODULES = ("posix", "fcntl", "_posixsubprocess", "_signal", "io", "_io")
SYSTEM = frozenset(
    {"open", "unlink", "replace", "rename", "link", "mkdir", "rmdir", "fsync", "flock", "pthread_sigmask"}
    | {"fork_exec", "pwrite", "ftruncate"}
)
# Nothing in these is counted: what they do depends on what else goes on on the host, or how fast it is.
UNCOUNTED = frozenset(
    function.__code__
    for function in (
        in_use._refuse_host_use,  # opens a file for each loop device
        held_folder.sweep,  # opens one for each edit of others
        held_folder.clear,  # reads the list of all that is mounted
        running._keep,  # is called for each piece that a program says, which is as many as the machine likes
    )
)
OURS = f"{Path(imgtools.__file__).parent}/"
NOW = 1_700_000_000
# From this version on libext2fs asks the environment for the time only where a process may be dumped: neither it nor
# the one that forked it may have become somebody else.
CAREFUL_CLOCK = [1, 47, 1]
SET_DUMPABLE = 4  # PR_SET_DUMPABLE of linux/prctl.h


@dataclass(frozen=True, slots=True)
class Ended:
    """How the child ended: its exit code, or minus the signal; how many steps it made, and which was the last."""

    code: int
    steps: tuple[str, ...]


def run_cut(
    run: Callable[[], object],
    folder: Path,
    *,
    cut: int | None = None,
    by: int = signal.SIGKILL,
    path: Path | None = None,
) -> Ended:
    """Run ``run`` in a child, which gets the signal ``by`` at its step number ``cut``.

    :param folder: for what the child says.
    :param path: a folder that stands first on its PATH.
    """
    report = folder / "steps"
    report.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _be_child(run, folder, report, cut, by, path)
    _, status = os.waitpid(child, 0)
    steps = tuple(report.read_text().splitlines()) if report.exists() else ()
    return Ended(os.waitstatus_to_exitcode(status), steps)


def _be_child(
    run: Callable[[], object], folder: Path, report: Path, cut: int | None, by: int, path: Path | None
) -> None:
    code = 1
    try:
        gc.disable()
        output = os.open(folder / "output", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ["E2FSPROGS_FAKE_TIME"] = str(NOW)
        if _version_of_libext2fs() >= CAREFUL_CLOCK:
            credentials.may_become = lambda user: False
            ctypes.CDLL(None).prctl(SET_DUMPABLE, 1, 0, 0, 0)
        if path is not None:
            os.environ["PATH"] = f"{path}:{os.environ['PATH']}"
            os.environ[OFF] = "1"  # what stands there does more than a fence allows
        time.time_ns, time.time = (lambda: NOW * 10**9), (lambda: float(NOW))
        _count(run, report, cut, by)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _version_of_libext2fs() -> list[int]:
    text = ctypes.c_char_p()
    ctypes.CDLL("libext2fs.so.2").ext2fs_get_library_version(ctypes.byref(text), None)
    return [int(part) for part in (text.value or b"").split(b".")]


def _count(run: Callable[[], object], report: Path, cut: int | None, by: int) -> None:
    steps: list[str] = []
    inside = 0  # functions that are not counted, called and not ended

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal inside
        if frame.f_code in UNCOUNTED:
            inside += {"call": 1, "return": -1}.get(event, 0)
            return
        name = "" if inside else _step(frame, event, argument)
        if not name:
            return
        steps.append(name)
        if len(steps) == cut:
            os.kill(os.getpid(), by)

    try:
        sys.setprofile(note)
        run()
    finally:
        sys.setprofile(None)
        report.write_text("\n".join(steps))


def _step(frame: FrameType, event: str, argument: object) -> str:
    """The name of a step, or nothing if this is none."""
    code = frame.f_code
    if event == "call" and code.co_filename in NAMES and not code.co_name.startswith("<"):
        return f"{NAMES[code.co_filename]}.{code.co_name}"
    if event in ("call", "return") and code is subprocess.Popen._wait.__code__:  # type: ignore[attr-defined]
        return f"{event} wait"
    system = getattr(argument, "__name__", "") in SYSTEM and getattr(argument, "__module__", "") in MODULES
    if event in ("c_call", "c_return") and system and _is_for_us(frame):
        return f"{event} {getattr(argument, '__name__', '')}"
    return ""


def _is_for_us(frame: FrameType) -> bool:
    """Whether imgtools has called a function, or one that called it."""
    caller: FrameType | None = frame
    while caller is not None and not caller.f_code.co_filename.startswith(OURS):
        caller = caller.f_back
    return caller is not None
