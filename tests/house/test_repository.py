"""What is in the repository: recipes and text, nothing of one machine, nothing built."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tests.house.source import ROOT, report, tracked_files
from tools.dependencies import name_of, requirements

BIGGEST = 512 * 1024  # bytes; text of people is smaller, and what is bigger was made by a program
# Top-level folders that stand on every system: a path is only this machine's with what comes below them.
EVERYWHERE = {"home", "root", "tmp", "usr", "var", "opt", "srv", "mnt", "media", "builds", "run"}


@cache
def _text_of(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="surrogateescape")


def test_files_are_text() -> None:
    broken = [
        f"{path}: write a recipe that makes it (fixtures/), and commit the recipe"
        for path in tracked_files()
        if "\0" in _text_of(path) or any("\udc80" <= letter <= "\udcff" for letter in _text_of(path))
    ]
    assert not broken, report("no binary files in git", broken)


def test_files_are_small() -> None:
    broken = [f"{path} has {size} bytes" for path in tracked_files() if (size := _size(path)) > BIGGEST]
    assert not broken, report(f"no file over {BIGGEST} bytes in git", broken)


def _size(path: Path) -> int:
    return (ROOT / path).stat().st_size


def _own_folders() -> list[str]:
    """The folders that only this machine has: where the checkout lies, and the home of who works in it."""
    found = set()
    for path in (ROOT, Path.home()):
        depth = 3 if path.parts[1] in EVERYWHERE else 2
        if len(path.parts) >= depth:
            found.add(str(Path(*path.parts[:depth])))
    return sorted(found)


def test_no_path_of_this_machine() -> None:
    paths = "|".join(re.escape(folder) for folder in _own_folders())
    pattern = re.compile(rf"(?<![\w.])(?:{paths})/")
    broken = [
        f"{path}:{number} {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(_text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]
    assert not broken, report("tracked files name no folder of this machine", broken)


def test_no_package_index_is_named() -> None:
    """Where packages come from is the machine's configuration, not the project's."""
    places = _index_places()
    broken = [
        f"{path} names {place}" for path in tracked_files() for place in places if place in _text_of(path)
    ]
    assert not broken, report("tracked files name no package index of this machine", broken)


def _index_places() -> set[str]:
    """Hosts and folders of the indexes that pip is configured with here."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    words = f"{listed} {os.environ.get('PIP_INDEX_URL', '')} {os.environ.get('PIP_EXTRA_INDEX_URL', '')}"
    urls = [urlsplit(url) for url in re.findall(r"(?:https?|file)://[^\s'\"]+", words)]
    return {url.hostname or url.path for url in urls} - {"pypi.org", "", "localhost"}


def test_ci_runs_make_test() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK), ".ci/run is a program"
    assert re.search(r"^make test\b", run.read_text(), re.MULTILINE), ".ci/run calls make test"


def test_bindings_come_from_the_distribution() -> None:
    """`hivex` on PyPI is another program, and libguestfs and libnbd have no package there."""
    names = {name_of(one) for one in requirements()}
    assert not names & {"hivex", "guestfs", "libguestfs", "nbd", "libnbd"}, (
        "these come from Debian: packages.apt"
    )


def test_make_help_lists_every_target() -> None:
    makefile = _text_of(Path("Makefile"))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert targets == listed, f"say after ## what these do: {sorted(targets - listed)}"
    assert {"demo", "test", "lint", "bench", "docs", "fixtures", "clean", "help"} <= targets
