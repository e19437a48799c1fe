"""A captured console is read from a file or standard input, and bounded."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from imgtools.errors import HostError
from imgtools.workflows import captured
from imgtools.workflows.captured import read_captured


def test_a_file_is_read_whatever_bytes_it_has(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"a\xff\x1b[0mb\n")
    assert read_captured(path) == "a\ufffd\x1b[0mb\n"


def test_of_a_long_one_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "LIMIT", 8)
    monkeypatch.setattr(captured, "PIECE", 4)
    path = tmp_path / "console.log"
    path.write_bytes(b"0123456789abcdef")
    assert read_captured(path) == "89abcdef"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Linux version 6\n")))
    assert read_captured(Path("-")) == "Linux version 6\n"


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"no such file: .*gone\.log"):
        read_captured(tmp_path / "gone.log")
    with pytest.raises(HostError, match="not a file: "):
        read_captured(tmp_path)
