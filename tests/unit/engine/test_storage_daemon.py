"""The program that serves overlays: what it says when it cannot."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from imgtools.engine.storage_daemon import Kept, serve_overlays
from imgtools.errors import EngineFailed
from imgtools.records import Layer


def test_what_the_daemon_complains_of_is_said_at_once(tmp_path: Path) -> None:
    """Nobody waits for the answer of a program that has ended."""
    (tmp_path / "disk.raw").write_bytes(bytes(512))
    (tmp_path / "overlay").write_bytes(b"no qcow2" * 64)
    chain = (Layer(tmp_path / "disk.raw", "raw", 512, 0),)
    with (
        pytest.raises(EngineFailed, match="Image is not in qcow2 format"),
        serve_overlays([(tmp_path / "overlay", chain)]),
    ):
        pass


def test_nothing_of_an_ended_program_keeps_its_descriptors(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    ours, theirs = socket.socketpair()
    kept = Kept(["true"], folder, pass_fds=(theirs.fileno(),))
    theirs.close()
    ours.settimeout(60)
    assert ours.recv(1) == b""
    ours.close()
    kept.end()
    assert kept.has_ended and not folder.exists()


def test_the_program_ends_with_its_keeper(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    ours, theirs = os.pipe()
    kept = Kept(["sleep", "1000"], folder, pass_fds=(theirs,))
    os.close(theirs)
    kept.end()
    assert os.read(ours, 1) == b"" and not folder.exists()
    os.close(ours)
