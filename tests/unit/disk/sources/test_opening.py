"""The door: what is looked into, and what passes as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.disk.sources.opening import is_source, kind_of, opened_sources, refuse_sources
from imgtools.errors import UnsupportedFormat
from imgtools.records.image import DiskSource, disk_named
from tests.support.archives import member
from tests.support.sources import disk_bytes, ova


def test_an_image_file_passes_as_it_is(tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(disk_bytes())
    given = (
        DiskSource(image),
        DiskSource(tmp_path / "no such file"),
        DiskSource(tmp_path),
        DiskSource(Path("/dev/null")),
    )
    (tmp_path / "ETC").mkdir()
    with opened_sources(given) as found:
        assert found == given
    refuse_sources(given[:2])
    with pytest.raises(UnsupportedFormat, match="is a folder, and only read"):
        refuse_sources(given)


def test_a_source_is_not_written(tmp_path: Path) -> None:
    made = ova(tmp_path / "m.ova", {"a": disk_bytes()})
    assert is_source(DiskSource(made)) and is_source(disk_named("nbd://host/x"))
    with pytest.raises(UnsupportedFormat, match=r"m.ova is read only"):
        refuse_sources([DiskSource(made)])


def test_kinds_by_content() -> None:
    assert kind_of(member("a", content=b"x")[:512]) == "tar"
    assert kind_of(b"") == kind_of(bytes(512)) == kind_of(b"QFI\xfb") == ""


@pytest.mark.parametrize(
    ("word", "is_uri"),
    [
        ("nbd://h/x", True),
        ("rbd:pool/x", True),
        ("disk.qcow2", False),
        ("a:b", False),
        ("./nbd://h", False),
        ("", False),
    ],
)
def test_words_that_are_no_paths(word: str, is_uri: bool) -> None:
    disk = disk_named(word)
    assert (disk.uri == word and bool(word)) == is_uri
    assert is_uri or disk.host_path == Path(word)
    assert not is_uri or disk.name == word
