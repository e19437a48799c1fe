"""`imgtools mount`: what it refuses before anything is mounted (tests/integration/test_mount.py mounts)."""

from pathlib import Path

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image


def test_a_folder_that_is_missing_or_not_empty_is_refused(tmp_path: Path) -> None:
    image = str(fixture_image("debian"))
    missing = imgtools("mount", image, str(tmp_path / "none"), code=3)
    assert "not an empty folder" in missing.err
    (tmp_path / "file").touch()
    imgtools("mount", image, str(tmp_path), code=3)


def test_a_folder_is_written_in_place_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    image, new = str(fixture_image("debian")), str(tmp_path / "new.qcow2")
    ran = imgtools("mount", image, str(place), "--output", new, code=2)
    assert "in place" in ran.err
