"""A host that fills while the tables of an image are changed: the image is as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, random_bytes
from tests.support.full import files_at_most


@pytest.mark.parametrize("size", [200 << 10, 300 << 10])
@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "create", "{}", "two"),
        ("snapshot", "apply", "{}", "one"),
        ("snapshot", "delete", "{}", "one"),
        ("bitmap", "add", "{}", "b"),
        ("amend", "-o", "refcount_bits=64", "{}"),
    ],
)
def test_full_host_leaves_the_image_as_it_was(tmp_path: Path, words: tuple[str, ...], size: int) -> None:
    image = image_of(random_bytes(2 * MIB), tmp_path / "d.qcow2", "qcow2")
    imgtools("snapshot", "create", "--write", image, "one")
    before = image.read_bytes()
    with files_at_most(size):
        ran = imgtools(*(word.format(image) for word in words), "--write", code=16)
    assert len(ran.err.splitlines()) == 2  # what, and the hint
    assert image.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["d.qcow2"]
