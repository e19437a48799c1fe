"""Archives on their way: what unpacks to more than anybody means is not unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from imgtools.change import archive
from imgtools.change.archive import archive_writer, plain_archive
from imgtools.errors import HostError

pytestmark = pytest.mark.host


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (archive.MOST_UNPACKED, archive.MOST_TIMES) == (4 << 30, 200)
    content = bytes(8 << 20)
    (packed := tmp_path / "a.tgz").write_bytes(gzip.compress(content))
    with plain_archive(packed, io.BytesIO()) as plain:  # a thousand times, but small
        assert plain.read_bytes() == content
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1 << 20)
    expected = r"a\.tgz unpacks to more than 1\.[0-9]M, 200 times what it has$"
    with pytest.raises(HostError, match=expected) as caught, plain_archive(packed, io.BytesIO()):
        pass
    assert "plain .tar" in caught.value.hint
    with (
        pytest.raises(HostError, match=r"^standard input unpacks to more than"),
        plain_archive(None, io.BytesIO(packed.read_bytes())),
    ):
        pass
    monkeypatch.setattr(archive, "MOST_TIMES", 2000)
    with plain_archive(packed, io.BytesIO()) as plain:
        assert plain.stat().st_size == len(content)


def test_what_is_not_packed_is_taken_as_it_is(tmp_path: Path) -> None:
    (path := tmp_path / "a.tar").write_bytes(b"plain")
    with plain_archive(path, io.BytesIO()) as plain:
        assert plain == path
    with plain_archive(None, io.BytesIO(b"from a pipe")) as plain:
        assert plain.read_bytes() == b"from a pipe"


@pytest.mark.parametrize("packing", ["", "gz"])
def test_what_is_written_is_not_remembered(packing: str, tmp_path: Path) -> None:
    """A record of each member is 400 MB for a million files."""
    with (tmp_path / "a").open("w+b") as target:
        with archive_writer(target, packing) as writer:
            for number in range(3):
                member = tarfile.TarInfo(f"file{number}")
                member.size = 5
                writer.addfile(member, io.BytesIO(b"12345"))
                assert writer.getmembers() == []
        target.seek(0)
        with tarfile.open(fileobj=target) as found:
            assert found.getnames() == ["file0", "file1", "file2"]
