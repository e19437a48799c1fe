"""A tree as a tar archive: files that have holes in the archive that they come from."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from imgtools.errors import HostError
from imgtools.newdisk.archive import read_archive
from imgtools.newdisk.tree import Node, Tree, write_archive
from imgtools.records.files import DataPart, FileKind

MIB = 1 << 20
CASES = {
    "a hole between": (2 * MIB, (DataPart(0, 5000), DataPart(MIB, 70_000))),
    "holes around": (2 * MIB, (DataPart(4096, 20_000),)),
    "an end that is named": (MIB, (DataPart(0, 512), DataPart(MIB, 0))),
    "nothing but a hole": (MIB, ()),
    "data that begin in the middle of what is read": (
        40_000,
        (DataPart(100, 17_000), DataPart(30_001, 9_999)),
    ),
}


def sparse_tree(folder: Path, size: int, parts: tuple[DataPart, ...], *, cut: int = 0) -> tuple[Tree, bytes]:
    """A tree with one file, whose data lie behind 700 other bytes; and what it is to be read as."""
    data = [bytes([number + 1]) * part.size for number, part in enumerate(parts)]
    whole = bytearray(size)
    for part, piece in zip(parts, data, strict=True):
        whole[part.at : part.at + part.size] = piece
    host = folder / "host"
    host.write_bytes((b"\xff" * 700 + b"".join(data))[: -cut or None])
    tree = Tree()
    tree.put("/file", Node(FileKind.FILE, size=size, host_path=host, offset=700, parts=parts))
    return tree, bytes(whole)


def packed(tree: Tree, *, with_holes: bool) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        write_archive(tree, archive, with_holes=with_holes)
    return stream.getvalue()


@pytest.mark.parametrize("with_holes", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_a_file_with_holes_is_packed_again(tmp_path: Path, case: str, with_holes: bool) -> None:
    tree, whole = sparse_tree(tmp_path, *CASES[case])
    raw = packed(tree, with_holes=with_holes)
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        member = archive.extractfile("file")
        assert member is not None and member.read() == whole
    assert (len(raw) < len(whole)) is with_holes
    (tmp_path / "again.tar").write_bytes(raw)
    node = read_archive(tmp_path / "again.tar", "again").nodes["/file"]
    assert node.size == len(whole)


@pytest.mark.parametrize("with_holes", [True, False])
def test_a_file_that_became_shorter_is_told(tmp_path: Path, with_holes: bool) -> None:
    tree, _ = sparse_tree(tmp_path, MIB, (DataPart(0, 5000),), cut=1)
    with pytest.raises(HostError, match="became shorter"):
        packed(tree, with_holes=with_holes)
