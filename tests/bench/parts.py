"""What the time of `imgtools cat` is made of: Python's start, imports, qemu-nbd, reading."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.bench.measure import CommandFailed, time_command

TIMES = 15
IMPORTS_GOAL = 0.060  # seconds of processor time over Python's own start
FILE = "/etc/os-release"
# Each is a program for python -c; {modules} and {image} are put in. The last two write to descriptor 3.
BARE = "pass"
IMPORT = "import gc; gc.disable(); import {modules}; gc.freeze()"  # as imgtools.__main__ does it
MODULES = """\
import os, sys
known = set(sys.modules)
from imgtools.cli.app import main
try:
    main(["cat", {image!r}, {file!r}])
except SystemExit:
    os.write(3, ",".join(name for name in sys.modules if name not in known).encode())
"""
SERVER = """\
import contextlib, os, time
from imgtools.cli.app import main
from imgtools.engine.qemu import block
server, taken = block._server, 0
@contextlib.contextmanager
def timed(*words, **more):
    global taken
    began = time.perf_counter()
    with server(*words, **more) as disk:
        taken += time.perf_counter() - began
        yield disk
        began = time.perf_counter()
    taken += time.perf_counter() - began
block._server = timed
try:
    main(["cat", {image!r}, {file!r}])
except SystemExit:
    os.write(3, str(taken).encode())
"""


@dataclass(frozen=True, slots=True)
class Parts:
    """Medians in seconds of wall time, and the processor time of the imports over Python's own start."""

    python: float
    imports: float
    server: float
    whole: float
    imports_cpu: float

    @property
    def reading(self) -> float:
        """What is left: finding the volume, the filesystem, the guest, and reading the file."""
        return max(0.0, self.whole - self.python - self.imports - self.server)


def measure_parts(image: Path, env: Mapping[str, str]) -> Parts:
    """Run the parts in turn, each as a process of its own, as `imgtools cat IMAGE` does them."""
    places = {"image": str(image), "file": FILE}
    modules = _told(MODULES.format_map(places), env)
    programs = (BARE, IMPORT.format(modules=modules))
    walls: dict[str, list[float]] = {program: [] for program in programs}
    cpus: dict[str, list[float]] = {program: [] for program in programs}
    whole, server = [], []
    for _ in range(TIMES):
        for program in programs:
            before = _processor_time()
            walls[program].append(time_command([sys.executable, "-c", program], env).seconds)
            cpus[program].append(_processor_time() - before)
        whole.append(time_command(["imgtools", "cat", str(image), FILE], env).seconds)
        server.append(float(_told(SERVER.format_map(places), env)))
    bare, full = (statistics.median(walls[program]) for program in programs)
    bare_cpu, full_cpu = (statistics.median(cpus[program]) for program in programs)
    return Parts(bare, full - bare, statistics.median(server), statistics.median(whole), full_cpu - bare_cpu)


def describe_parts(parts: Parts) -> Sequence[str]:
    """The lines of the page about it."""
    rows = (
        ("Python's own start", parts.python),
        ("imports", parts.imports),
        ("qemu-nbd: start and end", parts.server),
        ("finding the guest, reading the file", parts.reading),
        ("whole", parts.whole),
    )
    verdict = "met" if parts.imports_cpu < IMPORTS_GOAL else "MISSED"
    about_imports = (
        f"Its imports take {parts.imports_cpu * 1000:.0f} ms of processor time over `python3 -c pass`; "
        f"the goal is {IMPORTS_GOAL * 1000:.0f} ms: {verdict}. Medians of {TIMES} runs."
    )
    return (
        "",
        "## What `imgtools cat` is made of",
        "",
        "| Part | Time |",
        "| --- | --- |",
        *(f"| {name} | {seconds * 1000:.0f} ms |" for name, seconds in rows),
        "",
        about_imports,
    )


def _processor_time() -> float:
    """Seconds that ended children have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _told(program: str, env: Mapping[str, str]) -> str:
    """Run a program and return what it says on descriptor 3."""
    with TemporaryFile() as told:
        done = subprocess.run(
            ["bash", "-c", f'exec "$0" -c "$1" 3>&{told.fileno()} >/dev/null', sys.executable, program],
            env=env,
            pass_fds=[told.fileno()],
            check=False,
        )
        size = os.fstat(told.fileno()).st_size
        if done.returncode != 0 or size == 0:
            raise CommandFailed(f"a part of cat ended with {done.returncode}")
        return os.pread(told.fileno(), size, 0).decode()
