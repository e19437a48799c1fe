"""A clone that is killed half-way: what has a clone's name is whole, and the next run removes the rest."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Engine, ImageRequest
from imgtools.workflows.cat import read_files
from imgtools.workflows.clone import CloneRequest, clone
from imgtools.workflows.clone_table import CloneRow
from tests.support.cut import run_cut
from tests.support.fixtures import copy_fixture

CUTS = 6  # of each way
NAMES = ("one", "two")


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("linked", [True, False])
def test_what_has_the_name_of_a_clone_is_whole(tmp_path: Path, linked: bool, by: signal.Signals) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    before = disk.read_bytes()
    request = ImageRequest((DiskSource(disk),), engine=Engine.DIRECT)

    def make(folder: Path, names: tuple[str, ...] = NAMES) -> None:
        rows = [CloneRow(name) for name in names]
        clone(request, rows, CloneRequest(folder, linked, unprepared=True))

    (trial := tmp_path / "trial").mkdir()
    steps = len(run_cut(lambda: make(trial), tmp_path).steps)
    assert sorted(path.name for path in trial.iterdir()) == ["one.qcow2", "two.qcow2"]
    for number in range(CUTS):
        (folder := tmp_path / f"cut-{number}").mkdir()
        ended = run_cut(
            lambda folder=folder: make(folder),  # type: ignore[misc]
            tmp_path,
            cut=1 + (steps - 1) * number // CUTS,
            by=by,
        )
        assert ended.code != 0
        if by is signal.SIGINT:
            assert not list(folder.glob(".*")), "who can clean up, does"
        made = [path for path in folder.iterdir() if not path.name.startswith(".imgtools-new-")]
        assert {path.stem for path in made} <= set(NAMES)
        for path in made:
            _require_whole(path)
        make(folder, ("three",))
        assert {path.name for path in folder.iterdir()} == {*(path.name for path in made), "three.qcow2"}
    assert disk.read_bytes() == before


def _require_whole(path: Path) -> None:
    subprocess.run(["qemu-img", "check", "-q", path], check=True)
    request = ImageRequest((DiskSource(path),), engine=Engine.DIRECT, backing=Backing.ANY)
    assert b"".join(read_files(request, ["/etc/hostname"])).decode() == f"{path.stem}\n"
