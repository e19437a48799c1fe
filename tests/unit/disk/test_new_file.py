"""New image files: who may read them, and what is taken away of what killed runs have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.disk.new_file import PREFIX, new_file, scratch_folder
from imgtools.engine.held_folder import LOCK
from imgtools.errors import TargetExists
from imgtools.records.image import DiskSource, ImageInfo, Layer


@pytest.fixture
def usual_umask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def source(path: Path, *modes: int) -> ImageInfo:
    """An image of as many layers as there are modes; the last one has a further file."""
    layers = []
    for number, mode in enumerate(modes):
        file = path / f"layer{number}"
        file.touch(mode)
        file.chmod(mode)
        layers.append(Layer(file, "raw", 0, 0))
    return ImageInfo(DiskSource(path / "layer0"), "raw", 0, 0, tuple(layers))


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize(
    ("modes", "wanted"),
    [((0o600,), 0o600), ((0o644,), 0o644), ((0o666,), 0o644), ((0o640,), 0o640), ((0o644, 0o600), 0o600),
     ((0o444,), 0o644), ((0o400,), 0o600)],
)  # fmt: skip
def test_nobody_reads_a_copy_who_may_not_read_the_original(
    tmp_path: Path, modes: tuple[int, ...], wanted: int
) -> None:
    target = tmp_path / "new"
    with new_file(target, source=source(tmp_path, *modes)) as draft:
        draft.host_path.write_text("x")
        draft.host_path.with_name("extent").write_text("x")
    assert {path.stat().st_mode & 0o777 for path in (target, tmp_path / "extent")} == {wanted}


def test_only_what_a_killed_run_has_made_is_swept(tmp_path: Path) -> None:
    mine, left = tmp_path / f"{PREFIX}mine", tmp_path / f"{PREFIX}dead"
    for folder in (mine, left):
        folder.mkdir(mode=0o700)
        (folder / "disk").write_text("precious")
    (left / LOCK).touch()
    os.utime(mine, (0, 0))
    with scratch_folder(tmp_path) as held:
        assert mine.exists() and not left.exists()
        with scratch_folder(tmp_path):
            assert held.exists()
    assert (mine / "disk").read_text() == "precious" and not held.exists()


def test_a_link_in_the_place_of_the_new_file_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with (
        pytest.raises(TargetExists),
        new_file(tmp_path / "new") as draft,
    ):
        draft.host_path.write_text("x")
        (tmp_path / "new").symlink_to(victim)
    assert victim.read_text() == "precious"
