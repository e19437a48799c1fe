"""Files with holes in archives: what is packed, and that our own reader takes it."""

from __future__ import annotations

import io
import tarfile

import pytest

from imgtools.change import sparse_member
from imgtools.change.sparse_member import as_sparse
from imgtools.filesystems.tar_reader import Member, read_members
from imgtools.records.files import DataPart
from tests.unit.filesystems.test_holes import Streams


def packed(content: bytes) -> tuple[Member, Member, bytes]:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("d/holed")
        member.size, member.pax_headers = len(content), {"SCHILY.xattr.user.a": "x"}
        archive.addfile(member, as_sparse(member, Streams(content)))  # type: ignore[arg-type]
        archive.addfile(tarfile.TarInfo("after"))
    raw = held.getvalue()
    first, second = read_members(io.BytesIO(raw), len(raw))
    return first, second, raw


@pytest.mark.parametrize(
    "content",
    [
        b"x" * 10 + bytes(5000) + b"y" * 20 + bytes(10), bytes(5000), bytes(1000) + b"x" * 1510,
        b"".join(bytes(70) + b"x" * 10 for _ in range(500)),
    ],
)  # fmt: skip
def test_a_file_with_holes(content: bytes) -> None:
    found, after, raw = packed(content)
    assert (found.name, found.size, found.attributes, after.name) == (
        "d/holed", len(content), (("user.a", b"x"),), "after",
    )  # fmt: skip
    assert found.parts is not None
    made, at = bytearray(len(content)), found.offset
    for part in found.parts:
        made[part.at : part.at + part.size] = raw[at : at + part.size]
        at += part.size
    assert made == content and sum(one.size for one in found.parts) < len(content)


def test_what_saves_nothing_is_packed_whole() -> None:
    for content in (b"x" * 700, bytes(100), b"x" * 1000 + bytes(500)):
        found, _, raw = packed(content)
        assert (found.name, found.parts) == ("d/holed", None)
        assert raw[found.offset : found.offset + len(content)] == content


def test_so_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"".join(bytes(4000) + b"x" * 10 for _ in range(3))
    assert packed(content)[0].parts == tuple(DataPart(at, 10) for at in (4000, 8010, 12020))
    monkeypatch.setattr(sparse_member, "MOST_PARTS", 3)
    assert packed(content)[0].parts is None
