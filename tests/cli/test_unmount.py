"""`imgtools unmount`: a folder that is none of ours."""

from pathlib import Path

from tests.support.command import imgtools


def test_a_folder_without_a_mounted_image_is_named(tmp_path: Path) -> None:
    ran = imgtools("unmount", str(tmp_path), code=3)
    assert f"no image is mounted on {tmp_path}" in ran.err
