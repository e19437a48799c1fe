"""A file of the host that gives less than it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgtools.volumes.local_file import LocalDisk, read_at

CONTENT = bytes(range(200))


def give_less(descriptor: int, length: int, offset: int) -> bytes:
    """As pread(2) may: at most seven bytes."""
    return CONTENT[offset : offset + min(length, 7)]


@pytest.mark.parametrize(
    ("offset", "length", "given"),
    [
        (0, 6, 6),
        (0, 7, 7),
        (0, 8, 8),
        (3, 100, 100),
        (150, 49, 49),
        (150, 50, 50),
        (150, 51, 50),
        (200, 1, 0),
    ],
)
def test_all_of_it_is_read(monkeypatch: pytest.MonkeyPatch, offset: int, length: int, given: int) -> None:
    monkeypatch.setattr(os, "pread", give_less)
    assert read_at(0, offset, length) == CONTENT[offset : offset + given]


def test_a_disk_reads_so_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(CONTENT)
    monkeypatch.setattr(os, "pread", give_less)
    assert LocalDisk(tmp_path / "disk").read(10, 150) == CONTENT[10:160]
