"""Run a shell command as if on a terminal, and keep what it shows."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100  # columns
# The program of this checkout, whether or not it is installed where this Python is. It draws no bar of progress,
# however slow the machine is: a bar is gone in the end, and what is kept here is the end.
PROGRAM = """
import sys
from imgtools.cli.output import progress
progress.PATIENCE = 1e6
from imgtools.cli.app import main
sys.argv[0] = "imgtools"
main()
"""
INSTALLED = os.environ.get("IMGTOOLS_PROGRAM", "")  # another program to show: one that is installed
IMGTOOLS = f'imgtools() {{ {shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM)} "$@"; }}'
# CSI and OSC sequences (ECMA-48, 5.4 and 8.3.89): colours, cursor, titles.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command left on the terminal, and its exit code."""

    text: str
    code: int


def run_on_terminal(line: str, folder: Path, *, colour: bool = False) -> Shown:
    """Run one shell line in `folder` and return what a terminal of WIDTH columns would show, both streams."""
    ours, theirs = pty.openpty()
    env = os.environ | {"COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    begin = f'imgtools() {{ {shlex.quote(INSTALLED)} "$@"; }}' if INSTALLED else IMGTOOLS
    env |= {} if INSTALLED else {"PYTHONPATH": str(ROOT)}
    env = env | {"COLORTERM": "truecolor"} if colour else env | {"NO_COLOR": "1"}
    process = subprocess.Popen(
        ["/bin/bash", "-c", f"{begin}\n{line}"],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as stream:
        shown = _read_all(stream.fileno()).decode("utf-8", "replace").replace("\r\n", "\n")
    return Shown(shown if colour else ESCAPES.sub("", shown), process.wait())


def _read_all(descriptor: int) -> bytes:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # EIO: the last writer has closed the terminal (Linux says it so)
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)
