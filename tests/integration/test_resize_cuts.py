"""Killed at any moment, a resize leaves the disk as it was, as it shall be, or to be finished by recover."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.transaction.lock import is_locked
from imgtools.errors import UnfinishedEdit
from tests.support.command import imgtools
from tests.support.cut import Ended, run_cut
from tests.support.disks import MIB
from tests.support.resizable import (
    ROOT_START,
    cloud_disk,
    ext4_size,
    flat,
    part_of,
    run,
    table_of,
    virtual_size,
)

WORDS = {"grow": ("+20M", "--expand", "auto"), "shrink": ("-12M", "--shrink", "/dev/sda1")}
SIZES = {"grow": 60 * MIB, "shrink": 28 * MIB}


@dataclass(frozen=True, slots=True)
class Bench:
    """One image, and how it is resized."""

    folder: Path
    image: Path
    blank: Path
    kind: str
    data: str  # digest of the file in it

    def resize(self, cut: int | None = None) -> Ended:
        """Resize a fresh copy in a child, which is killed at a step."""
        shutil.copyfile(self.blank, self.image)
        words = ["resize", str(self.image), *WORDS[self.kind], "--write"]
        return run_cut(lambda: main(words), self.folder, cut=cut)

    def outcome(self) -> str:
        """The promise; returns which of the three it was."""
        deadline = time.monotonic() + 300
        while is_locked(self.image):  # a qemu-img that has outlived imgtools
            assert time.monotonic() < deadline
            time.sleep(0.005)
        if (self.folder / f"{self.image.name}.imgtools-unfinished").exists():
            assert (
                "recover"
                in imgtools("resize", self.image, "--expand", "auto", code=UnfinishedEdit.exit_code).err
            )
            imgtools("recover", self.image)
            self.require_after()
            found = "recovered"
        elif flat(self.image).read_bytes() == flat(self.blank).read_bytes():
            imgtools("recover", self.image)
            found = "before"
        else:
            self.require_after()
            imgtools("recover", self.image)
            found = "after"
        assert not [path.name for path in self.folder.iterdir() if "imgtools-overlay" in path.name]
        return found

    def require_after(self) -> None:
        """The disk has its new size, and everything in it is sound and still there."""
        assert virtual_size(self.image) == SIZES[self.kind]
        size = table_of(self.image)[1]["size"] * 512
        part = part_of(self.image, ROOT_START, size)
        assert ext4_size(part) == size
        copy = self.folder / "copy"
        run("debugfs", "-R", f"dump /data {copy}", part)
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == self.data


@pytest.fixture(scope="module", params=[("grow", "raw"), ("shrink", "qcow2")], ids="-".join)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    kind, format = request.param
    folder, blanks = tmp_path_factory.mktemp(kind), tmp_path_factory.mktemp("blank")
    blank = cloud_disk(blanks / f"disk.{format}", format, data=8 * MIB)
    content = next(blanks.glob("*.tree")) / "data"
    data = hashlib.sha256(content.read_bytes()).hexdigest()
    return Bench(folder, folder / blank.name, blank, kind, data)


def test_killed_anywhere_nothing_is_lost(bench: Bench) -> None:
    imgtools("resize", bench.blank, *WORDS[bench.kind])  # imports what the children then need not
    whole = bench.resize()
    assert whole.code == 0
    bench.require_after()
    begin = whole.steps.index("transaction.commit")
    length = len(whole.steps) - begin
    cuts = [begin * place // 4 for place in (1, 2, 3)]
    cuts += [begin + round((place + 0.5) * length / 10) for place in range(10)]
    if bench.kind == "shrink":
        last = whole.steps.index("overlay.shrink_image")
        cuts += [last, last + (len(whole.steps) - last) // 4]
    outcomes = []
    for cut in sorted(cuts):
        assert bench.resize(cut).code == -signal.SIGKILL
        try:
            outcomes.append(bench.outcome())
        except AssertionError as error:
            error.add_note(f"cut {cut} of {len(whole.steps)}, at {whole.steps[cut - 1]}")
            raise
    phases = [one for one, then in itertools.pairwise([*outcomes, ""]) if one != then]
    assert phases == ["before", "recovered", "after"]


def test_recovery_may_be_killed_too(bench: Bench) -> None:
    whole = bench.resize()
    step = "overlay.shrink_image" if bench.kind == "shrink" else "overlay.commit_overlay"
    cut = whole.steps.index(step) + 1
    bench.resize(cut)
    recovering = run_cut(lambda: main(["recover", str(bench.image)]), bench.folder)
    assert recovering.code == 0
    bench.require_after()
    for place in (1, 2, 3):
        bench.resize(cut)
        run_cut(
            lambda: main(["recover", str(bench.image)]), bench.folder, cut=place * len(recovering.steps) // 4
        )
        assert bench.outcome() in ("recovered", "after")
