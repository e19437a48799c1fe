"""Killed at any moment, a merge into three hives of a Windows guest is in all of them, or in none."""

from __future__ import annotations

import hashlib
import shutil
import signal
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.transaction.lock import is_locked
from imgtools.errors import UnfinishedEdit
from tests.support.command import imgtools
from tests.support.cut import Ended, run_cut
from tests.support.fixtures import copy_fixture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(900)

KEYS = (r"HKEY_LOCAL_MACHINE\SOFTWARE\Cut", r"HKEY_LOCAL_MACHINE\SYSTEM\Cut", r"HKEY_USERS\.DEFAULT\Cut")
# Where the promise changes, and some of the way between: what is written into the overlay, one hive after another.
PLACES = ("edit.apply", "edit.commit", "transaction.finish", "overlay.commit_overlay", "transaction.close")
BETWEEN = 6


class Bench:
    """A guest, what is merged into it, and how that goes when nobody cuts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.image,) = copy_fixture("windows", folder)
        self._blank = folder / "blank"
        shutil.copyfile(self.image, self._blank)
        self.reg = folder / "a.reg"
        self.reg.write_text("".join(f'[{key}]\n"v"="x"\n' for key in KEYS))
        self.before = self.digest()
        self.whole = self.merge()
        assert self.whole.code == 0, (folder / "output").read_text()
        assert self.merged() == len(KEYS)

    def reset(self) -> None:
        shutil.copyfile(self._blank, self.image)

    def merge(self, cut: int | None = None) -> Ended:
        words = ["registry", "merge", str(self.image), str(self.reg), "--write"]
        return run_cut(lambda: main(words), self.folder, cut=cut)

    def digest(self) -> str:
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def merged(self) -> int:
        """In how many hives it is, as the other reader finds them."""
        found = [imgtools("registry", "get", self.image, key, "v", code=None) for key in KEYS]
        return sum(one.out == "x\n" for one in found)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("registry"))


def test_killed_anywhere_it_is_in_all_hives_or_in_none(bench: Bench) -> None:
    steps = bench.whole.steps
    named = [steps.index(place) + 1 for place in PLACES if place in steps]
    spread = [1 + number * (len(steps) - 1) // BETWEEN for number in range(BETWEEN)]
    outcomes: list[str] = []
    for cut in sorted({*named, *spread}):
        bench.reset()
        assert bench.merge(cut).code == -signal.SIGKILL
        wait_until(lambda: not is_locked(bench.image))
        if Path(f"{bench.image}.imgtools-unfinished").exists():
            imgtools("ls", bench.image, "/", code=UnfinishedEdit.exit_code)
            imgtools("recover", bench.image)
            assert bench.merged() == len(KEYS)
            outcomes.append("recovered")
        elif bench.digest() == bench.before:
            imgtools("recover", bench.image)
            assert bench.merged() == 0
            outcomes.append("before")
        else:
            assert bench.merged() == len(KEYS)
            outcomes.append("after")
    assert {"before", "recovered"} <= set(outcomes), (outcomes, steps)
