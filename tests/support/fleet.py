"""Fleets in tests: runs as programs of their own, and a kind whose images say what becomes of who asks them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.house.source import ROOT

# A question as any other, to files of text: what a hostile image would make of the process that asks it.
TRIAL = '''
"""A trial: the image is a text that says what happens to the process that asks it."""
import os, signal, sys, time
from imgtools.errors import BadImage
from imgtools.fleet.kind import Kind

def ask(request):
    words = request.host_path.read_bytes()[:510].decode().split()
    if words[0] == "sleep":
        time.sleep(float(words[1]))
    elif words[0] == "wait":
        while not (request.host_path.parent / "gate").exists():
            time.sleep(0.05)
    elif words[0] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif words[0] == "exit":
        os._exit(0)
    elif words[0] == "memory":
        held = [bytearray(1 << 26) for _ in range(1000)]
    elif words[0] == "bug":
        raise ZeroDivisionError("no number")
    elif words[0] == "bad":
        raise BadImage("it is bad", hint="mend it")
    elif words[0] == "where":  # which worker's host asks it
        request.host_path.with_suffix(".at").write_text(os.environ["PLACE"])
    elif words[0] == "once":  # fails the first time
        mark = request.host_path.with_suffix(".seen")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return request

KIND = Kind(ask=ask, rows=lambda report: (), tables={})
'''
CUSTOMIZE = """
import os
import imgtools.fleet.kinds
imgtools.fleet.kinds.__path__.append(os.environ["TRIAL_KINDS"])
"""


class Ended(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # Any: JSON
        """The data of its document."""
        return json.loads(self.out)["data"]


class Fleet:
    """A folder with a database, and what is run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kinds = folder / "kinds"
        kinds.mkdir()
        (kinds / "trial.py").write_text(TRIAL)
        (folder / "sitecustomize.py").write_text(CUSTOMIZE)
        self.database = folder / "imgtools-fleet.sqlite"
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{folder}:{ROOT}",
            "TRIAL_KINDS": os.fspath(kinds),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start ``imgtools fleet WORDS``."""
        return self.program("-m", "imgtools", "fleet", *words)

    def program(self, *words: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start a program of Python in a session of its own, so that it can be told to end with all it has started."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *words: str | Path, code: int = 0) -> Ended:
        """Run ``imgtools fleet WORDS`` and expect an exit code."""
        with self.start(*words) as program:
            out, err = program.communicate(timeout=120)
        assert program.returncode == code, f"exit code {program.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
        return Ended(program.returncode, out, err)

    def answered(self) -> int:
        """How many answers there are; none before there are tables."""
        if not self.database.exists() or not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'answers'"):
            return 0
        return int(self.rows("SELECT count(*) FROM answers")[0][0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:  # Any: what a database holds
        """Ask the database itself."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def images(self, folder: str, **texts: str) -> Path:
        """Make images of the trial, in a folder of that name."""
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        for name, text in texts.items():
            # Padded to a sector, with the mark of a boot sector behind it: a disk image by its content.
            (place / f"{name}.raw").write_text(text.ljust(510))
            with (place / f"{name}.raw").open("ab") as file:
                file.write(b"\x55\xaa")
        return place


class Scheduler:
    """A scheduler, and workers of one thread each that were started apart."""

    def __init__(self, fleet: Fleet, places: Sequence[str], *words: str) -> None:
        self._fleet = fleet
        self._facts = fleet.folder / "scheduler.json"
        where = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", self._facts)
        self.program = fleet.program(
            "-m", "distributed.cli.dask_scheduler", *where, *(words or ("--no-dashboard",))
        )
        until(self._facts.exists)
        self.workers = [self._worker(place) for place in places]
        until(lambda: self._has(len(places)))

    def _worker(self, place: str) -> subprocess.Popen[str]:
        words = ("--scheduler-file", self._facts, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        announced = ("--resources", f"{place}=1") if place else ()
        return self._fleet.program("-m", "distributed.cli.dask_worker", *words, *announced, PLACE=place)

    def _has(self, count: int) -> bool:
        program = "import sys; from distributed import Client; print(len(Client(sys.argv[1]).nthreads()))"
        with self._fleet.program("-c", program, self.address) as asked:
            out, _ = asked.communicate(timeout=60)
        return out.strip() == str(count)

    @property
    def address(self) -> str:
        """Where it answers."""
        return str(json.loads(self._facts.read_text())["address"])

    def end(self) -> None:
        """End all of them."""
        for program in (*self.workers, self.program):
            program.kill()
            program.communicate(timeout=30)


@contextmanager
def scheduler(fleet: Fleet, places: Sequence[str] = ("", ""), *words: str) -> Iterator[Scheduler]:
    """Run a scheduler with a worker for each place; "": one that announces none.

    :param words: for the scheduler.
    """
    found = Scheduler(fleet, places, *words)
    try:
        yield found
    finally:
        found.end()


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never was"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """All processes below a process."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        ours = below.get(waiting.pop(), [])
        found += ours
        waiting += ours
    return found


def members(session: int) -> list[int]:
    """The processes of a session that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[3]) == session and words[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def command_line(pid: int) -> str:
    """The words that a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
