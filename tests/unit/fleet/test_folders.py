"""Which images words name: a folder's are known by their content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.errors import NoImages
from imgtools.fleet.folders import find_images

QCOW2 = b"QFI\xfb\0\0\0\x03".ljust(1024, b"\0")
BOOT = b"\0" * 510 + b"\x55\xaa"


def found(*words: object, recursive: bool = False) -> list[str]:
    return [Path(one).name for one in find_images([str(word) for word in words], recursive=recursive)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contents = {
        "a.qcow2": QCOW2,
        "b": BOOT,
        "c.raw": bytes(1080) + b"\x53\xef" + bytes(1000),
        "notes.qcow2": b"no image\n" * 100,
        "zeros.raw": bytes(4096),
        "small": b"\x55\xaa",
        ".hidden.qcow2": QCOW2,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "fifo.qcow2")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "d.qcow2").write_bytes(QCOW2)
    (tmp_path / "below" / "up").symlink_to("..")
    (tmp_path / "link.qcow2").symlink_to("below/d.qcow2")
    return tmp_path


def test_a_folder_stands_for_its_images(folder: Path) -> None:
    assert found(folder) == ["a.qcow2", "b", "c.raw", "link.qcow2"]
    assert found(folder, recursive=True) == ["a.qcow2", "b", "d.qcow2", "c.raw", "link.qcow2"]


def test_a_file_is_taken_as_it_is_and_a_pattern_is_expanded(folder: Path) -> None:
    assert found(folder / "zeros.raw", folder / "missing") == ["zeros.raw", "missing"]
    assert found(folder / "*.raw") == ["c.raw", "zeros.raw"]
    assert found("nbd://host/x") == ["x"]
    (folder / "odd[1].qcow2").write_bytes(QCOW2)
    assert found(folder / "odd[1].qcow2") == ["odd[1].qcow2"]


def test_nothing_is_an_error(folder: Path) -> None:
    (folder / "none").mkdir()
    with pytest.raises(NoImages, match="holds no disk image"):
        found(folder / "none")
    with pytest.raises(NoImages, match="nothing matches"):
        found(folder / "*.vhd")
