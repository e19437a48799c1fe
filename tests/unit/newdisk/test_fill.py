"""One filesystem, filled without a boot as far as that goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.mkfs import NewFilesystem
from imgtools.filesystems.api import CannotWrite
from imgtools.newdisk import fill
from imgtools.newdisk.fill import make_filled
from imgtools.newdisk.tree import Node, Tree
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind

pytestmark = pytest.mark.host
SIZE = 8 << 20
EXT4 = NewFilesystem("ext4", uuid="8f0c4a3e-1a52-4b0e-9a3d-6c1f2e7b5d90", moment=1_700_000_000)


def test_what_is_refused_in_the_middle_leaves_an_empty_filesystem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel mounted what was half written, and found a checksum that was wrong."""

    def half(target: Path, *_rest: object) -> None:
        with target.open("r+b") as stream:
            stream.seek(SIZE // 4)
            stream.write(b"half a directory" * 1000)
        raise CannotWrite(Declined("", "an attribute that is too large"))

    tree = Tree()
    tree.put("/file", Node(FileKind.DIRECTORY))
    monkeypatch.setattr(fill, "_fill", half)
    found = make_filled(tmp_path / "new", SIZE, EXT4, tree, tmp_path)
    assert (found.is_full, found.reason) == (False, "an attribute that is too large")
    monkeypatch.undo()
    make_filled(tmp_path / "empty", SIZE, EXT4, Tree(), tmp_path)
    fill.set_superblock_times(tmp_path / "new", 1_700_000_000)
    assert (tmp_path / "new").read_bytes() == (tmp_path / "empty").read_bytes()
