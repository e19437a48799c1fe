"""Run the programs of docs/python.md, and fill in what they print.

A block ```python is a program. It runs in a process of its own, in a folder with copies of the guests of GUESTS; the
block ```text that follows it is its output. `make docs` writes it, and a test compares it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fixtures import build

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/python.md")
# File name in the programs, and the fixture that it is a copy of.
GUESTS = {
    "debian.qcow2": "debian",
    "ubuntu.qcow2": "ubuntu",
    "vault.qcow2": "bitlocker",
    "windows.qcow2": "windows",
}
BLOCK = re.compile(
    r"^```python\n(?P<program>.*?)^```\n\n```text\n(?P<output>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the page; ``name`` is that of its heading, and its number there."""

    name: str
    text: str
    output: str


def programs() -> list[Program]:
    """The programs of the page, in its order."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    found: list[Program] = []
    for match in BLOCK.finditer(page):
        heading = page[: match.start()].rpartition("\n### ")[2].partition("\n")[0]
        name = re.sub(r"[\W\d]+", "_", heading).strip("_").lower()
        found.append(Program(f"{len(found) + 1:02}_{name}", match["program"], match["output"]))
    return found


def run(program: Program) -> str:
    """Run a program, and return what it prints.

    :raises RuntimeError: it fails, or says something on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="imgtools-") as scratch:
        folder = Path(scratch)
        for name, fixture in GUESTS.items():
            subprocess.run(["cp", "--sparse=always", build.fixture(fixture).image, folder / name], check=True)
            (folder / name).chmod(0o644)
        words = [sys.executable, "-c", program.text]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode or done.stderr:
        raise RuntimeError(f"{program.name} ends with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.replace(str(folder), ".")


def stale() -> dict[Path, str]:
    """The page, with the text that it should have, if a program prints something else than is shown."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    outputs = iter([run(program) for program in programs()])
    fresh = BLOCK.sub(lambda found: f"```python\n{found['program']}```\n\n```text\n{next(outputs)}```", page)
    return {PAGE: fresh} if fresh != page else {}
