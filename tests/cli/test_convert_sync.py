"""When `imgtools convert` waits for the host's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.disk import new_file
from tests.support.command import imgtools


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were waited for."""
    names: list[str] = []
    real = new_file.sync_file
    monkeypatch.setattr(new_file, "sync_file", lambda path: (names.append(path.name), real(path)))
    return names


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.raw"
    path.write_bytes(b"content".ljust(1 << 20, b"\0"))
    return path


def test_a_new_file_is_not_waited_for(source: Path, synced: list[str]) -> None:
    imgtools("convert", source, source.parent / "new.qcow2")
    assert synced == []


def test_unless_that_is_asked_for(source: Path, synced: list[str]) -> None:
    imgtools("convert", source, source.parent / "new.qcow2", "--sync")
    assert "new.qcow2" in synced


def test_what_takes_the_place_of_a_file_is_safe_before(source: Path, synced: list[str]) -> None:
    """A power cut must not take the old file and the new one."""
    target = source.parent / "new.qcow2"
    target.write_bytes(b"old")
    imgtools("convert", source, target, "--force")
    assert "new.qcow2" in synced
