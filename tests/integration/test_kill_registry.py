"""Killed at any moment, a merge into three hives of a Windows guest is in all or in none; so is a repair of three."""

from __future__ import annotations

import hashlib
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
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
REPAIRS = (
    "--only", "windows-safe-mode,windows-check-disk,windows-password", "--set", "windows-password.user=operator"
)  # fmt: skip
HIVES = 3
# Where the promise changes, and some of the way between: what is written into the overlay, one hive after another.
PLACES = ("edit.apply", "edit.commit", "transaction.finish", "overlay.commit_overlay", "transaction.close")
BETWEEN = 6


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done to a guest, and in how many of its hives it is done, as another look finds it."""

    fixture: str
    words: Callable[[Path, Path], list[str]]
    done: Callable[[Path], int]


def merge_words(image: Path, folder: Path) -> list[str]:
    reg = folder / "a.reg"
    reg.write_text("".join(f'[{key}]\n"v"="x"\n' for key in KEYS))
    return ["registry", "merge", str(image), str(reg), "--write"]


def merged(image: Path) -> int:
    found = [imgtools("registry", "get", image, key, "v", code=None) for key in KEYS]
    return sum(one.out == "x\n" for one in found)


def repair_words(image: Path, folder: Path) -> list[str]:
    return ["repair", str(image), *REPAIRS, "--write"]


def repaired(image: Path) -> int:
    left = imgtools("repair", image, *REPAIRS, "--json").data["repairs"]
    return sum(not one["changes"] for one in left)


EDITS = {
    "merge": Edit("windows", merge_words, merged),
    "repair": Edit("windows-server", repair_words, repaired),  # on two volumes: the ESP, and that of Windows
}


class Bench:
    """A guest, what is done to it, and how that goes when nobody cuts it."""

    def __init__(self, folder: Path, edit: Edit) -> None:
        self.folder, self._edit = folder, edit
        (self.image,) = copy_fixture(edit.fixture, folder)
        self._blank = folder / "blank"
        shutil.copyfile(self.image, self._blank)
        self._words = edit.words(self.image, folder)
        self.before = self.digest()
        assert self.done() == 0
        self.whole = self.run()
        assert self.whole.code == 0, (folder / "output").read_text()
        assert self.done() == HIVES

    def reset(self) -> None:
        shutil.copyfile(self._blank, self.image)

    def run(self, cut: int | None = None) -> Ended:
        return run_cut(lambda: main(self._words), self.folder, cut=cut)

    def digest(self) -> str:
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def done(self) -> int:
        """In how many hives it is, as the other reader finds them."""
        return self._edit.done(self.image)


@pytest.fixture(scope="module", params=EDITS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("registry"), EDITS[request.param])


def test_killed_anywhere_it_is_in_all_hives_or_in_none(bench: Bench) -> None:
    steps = bench.whole.steps
    named = [steps.index(place) + 1 for place in PLACES if place in steps]
    spread = [1 + number * (len(steps) - 1) // BETWEEN for number in range(BETWEEN)]
    outcomes: list[str] = []
    for cut in sorted({*named, *spread}):
        bench.reset()
        assert bench.run(cut).code == -signal.SIGKILL
        wait_until(lambda: not is_locked(bench.image))
        if Path(f"{bench.image}.imgtools-unfinished").exists():
            imgtools("ls", bench.image, "/", code=UnfinishedEdit.exit_code)
            imgtools("recover", bench.image)
            assert bench.done() == HIVES
            outcomes.append("recovered")
        elif bench.digest() == bench.before:
            imgtools("recover", bench.image)
            assert bench.done() == 0
            outcomes.append("before")
        else:
            assert bench.done() == HIVES
            outcomes.append("after")
    assert {"before", "recovered"} <= set(outcomes), (outcomes, steps)
