"""An image is as it was if its files are: path, size, time of change, inode."""

from __future__ import annotations

import os
from pathlib import Path

from imgtools.fleet.identity import identify
from imgtools.records.image import disk_named
from imgtools.records.request import ImageRequest


def identity(path: Path) -> str:
    return identify(ImageRequest((disk_named(path),))).text


def test_each_fact_of_a_file_counts(tmp_path: Path) -> None:
    image = tmp_path / "a.raw"
    image.write_bytes(bytes(1024))
    os.utime(image, ns=(0, 1000))
    first = identity(image)
    assert first == identity(image) and len(first) == 64
    os.utime(image, ns=(0, 1001))
    assert identity(image) != first
    os.utime(image, ns=(5, 1000))
    assert identity(image) == first, "reading it does not change it"
    with image.open("ab") as file:
        file.write(bytes(512))
    os.utime(image, ns=(0, 1000))
    assert identity(image) != first
    other = tmp_path / "b.raw"
    other.write_bytes(bytes(1024))
    os.utime(other, ns=(0, 1000))
    other.replace(image)
    assert identity(image) != first, "another file of the same name, size and time"


def test_what_cannot_be_looked_at_has_none(tmp_path: Path) -> None:
    assert identity(tmp_path / "missing.raw") == ""
    assert identity(tmp_path) == ""
    assert identify(ImageRequest((disk_named("nbd://127.0.0.1/x"),))).text == ""
    assert identity(Path("a\0b")) == ""
