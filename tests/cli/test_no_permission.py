"""An image that may only be read: said before anything is kept that could never be committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.disks import MIB, image_of, make_chain, random_bytes


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may not be written; the tests may run as root, whom modes do not stop."""
    monkeypatch.setattr(os, "access", lambda path, mode, **how: mode != os.W_OK)


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot", "create", "{}", "one"),
        ("bitmap", "add", "{}", "one"),
        ("amend", "-o", "lazy_refcounts=on", "{}"),
        ("dd", "{patch}", "{}"),
        ("dd", "--directly", "{patch}", "{}"),
        ("wipe", "{}"),
    ],
)
@pytest.mark.parametrize("write", [(), ("--write",)])
@pytest.mark.usefixtures("read_only")
def test_image_that_may_not_be_written(
    tmp_path: Path, words: tuple[str, ...], write: tuple[str, ...]
) -> None:
    patch = image_of(random_bytes(MIB, 2), tmp_path / "patch.raw")
    (tmp_path / "images").mkdir()
    image = image_of(random_bytes(2 * MIB), tmp_path / "images/d.qcow2", "qcow2")
    before = image.read_bytes()
    given = [word.format(image, patch=patch) for word in words]
    ran = imgtools(*given, *write, code=3)
    assert "no permission" in ran.err and "in part" not in ran.err
    assert image.read_bytes() == before
    assert [path.name for path in image.parent.iterdir()] == ["d.qcow2"]


@pytest.mark.usefixtures("read_only")
def test_image_on_a_backing_file_that_may_not_be_written(tmp_path: Path) -> None:
    patch = image_of(random_bytes(MIB, 2), tmp_path / "patch.raw")
    (tmp_path / "images").mkdir()
    chain = make_chain(tmp_path / "images")
    imgtools("dd", "--write", patch, chain.top, code=3)
    assert {path.name for path in chain.top.parent.iterdir()} == {path.name for path in chain.files}
