"""Changes of an image's tables are all or nothing, also when they are cut while they are written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.disk import table_edit
from imgtools.disk.transaction import transaction
from tests.support.command import imgtools
from tests.support.disks import MIB, content_of, image_of, patch_image, qemu_img, random_bytes

pytestmark = pytest.mark.host

BEFORE, AFTER = random_bytes(2 * MIB, 1), random_bytes(2 * MIB, 2)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with a snapshot ``one`` that differs from the present."""
    image = image_of(BEFORE, tmp_path / "d.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "one", image)
    patch_image(image, 0, AFTER)
    return image


def apply(image: Path, code: int = 0) -> str:
    return imgtools("snapshot", "apply", "--write", image, "one", code=code).err


def test_nothing_is_left_beside_the_image(image: Path) -> None:
    apply(image)
    assert content_of(image) == BEFORE
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_failure_before_the_commit_leaves_the_image(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(table_edit.Redo, "commit", fail)
    apply(image, 130)
    assert image.read_bytes() == before
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_image_of_two_names_is_left(image: Path) -> None:
    os.link(image, image.with_name("other"))
    before = image.read_bytes()
    assert "hard links" in apply(image, 3)
    assert image.read_bytes() == before


def test_image_that_someone_wrote_to_meanwhile_is_left(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = table_edit.Redo.commit

    def late(self: table_edit.Redo) -> int:
        os.utime(image, ns=(0, 0))
        return change(self)

    monkeypatch.setattr(table_edit.Redo, "commit", late)
    before = image.read_bytes()
    assert "changed by another program" in apply(image, 41)
    assert image.read_bytes() == before


def test_failed_commit_is_finished_by_recover(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "commit_overlay", fail)
        apply(image, 43)
    assert "imgtools recover" in imgtools("info", image, code=13).err
    imgtools("snapshot", "list", image, code=13)
    imgtools("recover", image)
    assert content_of(image) == BEFORE
    qemu_img("check", image)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill_around_the_commit_is_finished_by_recover(image: Path, tmp_path: Path, moment: str) -> None:
    """A qemu-img of our own kills imgtools before it commits, or after."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "qemu-img"
    real = "/usr/bin/qemu-img"
    act = f'kill -9 $PPID; {real} "$@"' if moment == "before" else f'{real} "$@"; kill -9 $PPID'
    script.write_text(f'#!/bin/sh\nif [ "$1" = commit ]; then {act}; exit; fi\nexec {real} "$@"\n')
    script.chmod(0o755)
    # A fence would keep it from that.
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "IMGTOOLS_NO_CONFINEMENT": "1"}
    argv = [sys.executable, "-m", "imgtools", "snapshot", "apply", "--write", str(image), "one"]
    done = subprocess.run(argv, env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    imgtools("recover", image)
    assert content_of(image) == BEFORE
    qemu_img("check", image)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", image.name]
