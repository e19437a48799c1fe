"""Killed at any moment, a copy into NTFS or FAT, which the appliance writes, tears no image."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.transaction.lock import is_locked
from imgtools.errors import UnfinishedEdit
from tests.support.command import imgtools
from tests.support.cut import Ended, run_cut
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.appliance, pytest.mark.timeout(900)]

MAKERS = {
    "ntfs": ["mkntfs", "-q", "-Q", "-F", "-p", "0", "-H", "0", "-S", "0"],
    "vfat": ["mkfs.fat", "-F", "32", "-i", "12345678"],
}
CONTENT = b"imgtools" * 20_000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()
# Where the promise changes: nothing is written, it is written to the overlay, noted, copied down, and tidied away.
PLACES = ("edit.apply", "edit.commit", "transaction.finish", "overlay.commit_overlay", "transaction.close")


class Bench:
    """One disk with one filesystem, and a file and a folder to be copied into it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.folder, self.image, self._blank = folder, folder / "disk.raw", folder / "blank"
        self.source = folder / "source"
        (self.source / "sub").mkdir(parents=True)
        (self.source / "new.txt").write_bytes(CONTENT)
        (self.source / "sub" / "other.txt").write_text("other")
        with self._blank.open("wb") as file:
            file.truncate(48 << 20)
        subprocess.run([*MAKERS[kind], self._blank], check=True, stdout=subprocess.DEVNULL)
        self.reset()
        self.before = self.digest()
        self.whole = self.copy()
        assert self.whole.code == 0, (folder / "output").read_text()
        assert self.has_all()

    def reset(self) -> None:
        shutil.copyfile(self._blank, self.image)

    def copy(self, cut: int | None = None) -> Ended:
        words = ["copy-in", str(self.image), "-m", "/dev/sda", str(self.source), "/", "--write"]
        return run_cut(lambda: main(words), self.folder, cut=cut)

    def digest(self) -> str:
        return hashlib.sha256(self.image.read_bytes()).hexdigest()

    def has_all(self) -> bool:
        """Whether another reader than the one that wrote finds both files, whole."""
        found = imgtools("find", self.image, "-m", "/dev/sda", "/source", "--type", "f", code=None)
        if found.code:
            return False
        names = found.out.split()
        content = imgtools("ls", self.image, "-m", "/dev/sda", "/source/new.txt", "--checksum", "sha256")
        return names == ["/source/new.txt", "/source/sub/other.txt"] and CHECKSUM in content.out


@pytest.fixture(scope="module", params=MAKERS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(request.param, tmp_path_factory.mktemp(request.param))


def cuts(steps: Sequence[str]) -> list[int]:
    return [steps.index(place) + 1 for place in PLACES if place in steps]


def test_killed_anywhere_a_copy_is_there_or_is_not(bench: Bench) -> None:
    outcomes: list[str] = []
    for cut in cuts(bench.whole.steps):
        bench.reset()
        assert bench.copy(cut).code == -signal.SIGKILL
        wait_until(lambda: not is_locked(bench.image))
        if Path(f"{bench.image}.imgtools-unfinished").exists():
            imgtools("ls", bench.image, "/", code=UnfinishedEdit.exit_code)
            imgtools("recover", bench.image)
            assert bench.has_all()
            outcomes.append("recovered")
        elif bench.digest() == bench.before:
            imgtools("recover", bench.image)
            outcomes.append("before")
        else:
            assert bench.has_all()
            outcomes.append("after")
    assert outcomes == sorted(outcomes, key=["before", "recovered", "after"].index)
    assert {"before", "recovered"} <= set(outcomes), (outcomes, bench.whole.steps)
