"""The program that serves overlays: what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.qemu.storage_daemon import serve_overlays
from imgtools.errors import EngineFailed
from imgtools.records.image import Layer

pytestmark = pytest.mark.host


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
