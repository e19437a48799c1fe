"""A host whose system calls fail: imgtools and all that it starts run under strace, which makes one call fail.

strace(1) counts the calls of each thread by itself, so that a number may mean several calls, the first of each thread
of QEMU's. What was hit is told, with the file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# What a host's disk is asked to do; `write` is left out, because pipes and terminals are written with it too.
CHANGING = (
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "fallocate",
    "ftruncate",
    "rename",
    "linkat",
    "unlink",
)
READING = ("pread64", "preadv")
HIT = re.compile(r"^\d+ +(\w+)\((.*)\) += .*\(INJECTED\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Faulted:
    """What a command said and did on such a host."""

    code: int
    out: str
    err: str
    hits: tuple[str, ...]  # the calls that failed, with the files they were about


def run_with_fault(
    words: Sequence[str | Path],
    call: str,
    number: int,
    folder: Path,
    *,
    error: str = "EIO",
    only: Sequence[Path] = (),
) -> Faulted:
    """Run imgtools; the call of this name and number (from 1, in each thread) fails.

    :param folder: a place for what strace writes down.
    :param only: count calls on these files alone.
    """
    told = folder / "strace"
    argv = ["strace", "-f", "-y", "--seccomp-bpf", "-o", str(told), "-e", f"trace={call}"]
    argv += ["-e", f"inject={call}:error={error}:when={number}"]
    argv += [word for path in only for word in ("-P", str(path))]
    argv += [sys.executable, "-m", "imgtools", *map(str, words)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    hits = tuple(f"{name}({rest}" for name, rest in HIT.findall(told.read_text()))
    told.unlink()
    return Faulted(ran.returncode, ran.stdout, ran.stderr, hits)
