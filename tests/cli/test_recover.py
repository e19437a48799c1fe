"""`imgtools recover`: nothing to do is an answer (tests/integration/test_kill.py cuts real commits)."""

from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture


def test_an_image_without_an_unfinished_edit_says_so_and_stays(tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = image.read_bytes()
    ran = imgtools("recover", image)
    assert "there is no unfinished edit" in ran.out
    assert imgtools("recover", "--discard", image, "--json").json["schema"] == "imgtools.recover/1"
    assert image.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [image.name]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    ran = imgtools("recover", tmp_path / "none.qcow2", code=None)
    assert ran.code in (3, 10)
    assert "none.qcow2" in ran.err
