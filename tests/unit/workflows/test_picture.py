"""A picture is in its place whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import EngineFailed, HostError, TargetExists
from imgtools.records.image import DiskSource
from imgtools.records.request import ImageRequest
from imgtools.workflows.picture import write_picture


def request_in(folder: Path) -> ImageRequest:
    """A small raw image."""
    image = folder / "d.raw"
    image.write_bytes(bytes(4096))
    return ImageRequest((DiskSource(image, "raw"),))


def fails() -> str:
    """A drawing that ends in the middle of the work."""
    raise EngineFailed("qemu-img failed")


def test_a_drawing_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    request, target = request_in(tmp_path), tmp_path / "d.svg"
    for before in (None, "mine"):
        if before:
            target.write_text(before)
        with pytest.raises(EngineFailed):
            write_picture(request, target, fails, overwrite=True)
        assert (target.read_text() if target.exists() else None) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.raw", "d.svg"]


def test_nothing_is_drawn_for_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    request, target = request_in(tmp_path), tmp_path / "d.svg"
    target.write_text("mine")
    with pytest.raises(TargetExists):
        write_picture(request, target, fails, overwrite=False)
    with pytest.raises(HostError):
        write_picture(request, tmp_path / "none" / "d.svg", fails, overwrite=False)


def test_force_replaces_the_file_at_the_end_of_a_link(tmp_path: Path) -> None:
    request, target, link = request_in(tmp_path), tmp_path / "d.svg", tmp_path / "link.svg"
    target.write_text("old")
    link.symlink_to(target)
    write_picture(request, link, lambda: "<svg/>", overwrite=True)
    assert link.is_symlink() and target.read_text() == "<svg/>"
