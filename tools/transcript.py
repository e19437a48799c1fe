"""Fill the ```console blocks of a page with what the commands in them really print.

A line that begins with `$ ` is run with bash in a folder that holds the guests of GUESTS; what follows it, up to the
next such line, is its output. `make docs` writes it, and a test compares it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixtures import build
from tools.terminal import run_on_terminal

ROOT = Path(__file__).resolve().parent.parent
PAGES = (Path("README.md"), Path("docs/tutorial.md"), Path("docs/files-of-a-guest.md"))
# File name in the examples, and the fixture that it is a copy of.
GUESTS = {"debian.qcow2": "debian", "windows.qcow2": "windows"}
# What depends on the host's own filesystem: the page shows that it is told, not the figure.
VARIES = re.compile(r"^( *size on host +)\S.*$", re.MULTILINE)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextmanager
def guest_folder() -> Iterator[Path]:
    """A scratch folder with private copies of the guests; short names, since people read them."""
    with tempfile.TemporaryDirectory(prefix="imgtools-") as scratch:
        folder = Path(scratch)
        for name, fixture in GUESTS.items():
            subprocess.run(["cp", "--sparse=always", build.fixture(fixture).image, folder / name], check=True)
            (folder / name).chmod(0o644)
        yield folder


def refresh(text: str, folder: Path) -> str:
    """The page with every block's output as it is now."""
    return BLOCK.sub(lambda found: f"```console\n{_replay(found[1], folder)}```", text)


def _replay(block: str, folder: Path) -> str:
    shown = []
    for line in block.splitlines():
        if line.startswith("$ "):
            output = VARIES.sub(r"\1...", run_on_terminal(line[2:], folder).text.replace(str(folder), "."))
            shown.append(f"{line}\n" + "".join(f"{one.rstrip()}\n" for one in output.splitlines()))
    return "".join(shown)


def stale() -> dict[Path, str]:
    """Pages whose blocks are not what the commands print now, with the text that they should have."""
    texts = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    fresh = {page: _refreshed(text) for page, text in texts.items()}
    return {page: text for page, text in fresh.items() if text != texts[page]}


def _refreshed(text: str) -> str:
    """A page begins with the guests alone; what its commands make is there for those that follow."""
    with guest_folder() as folder:
        return refresh(text, folder)
