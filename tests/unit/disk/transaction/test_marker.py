"""The marker of a commit: what it says, when it is on the disk, and whose it is."""

from __future__ import annotations

import fcntl
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.disk.transaction import marker as module
from imgtools.disk.transaction.marker import (
    COMMITTING,
    LARGEST,
    READY,
    VERSION,
    MarkedDisk,
    Marker,
    find_marker,
    refuse_unfinished,
    remove_marker,
    write_marker,
)
from imgtools.disk.transaction.sidecar import sidecar_of
from imgtools.engine.own_files import NotOurs
from imgtools.errors import BadImage, ImageInUse, UnfinishedEdit


def disk(path: Path, **facts: int) -> MarkedDisk:
    path.touch()
    return replace(MarkedDisk(os.fspath(path), "raw", 1 << 20, 512, 7), **facts)


@pytest.fixture
def one(tmp_path: Path) -> Marker:
    return Marker("id", READY, (disk(tmp_path / "a"),))


@pytest.fixture
def two(tmp_path: Path) -> Marker:
    (tmp_path / "other").mkdir()
    return Marker("id", COMMITTING, (disk(tmp_path / "a", new_size=5), disk(tmp_path / "other" / "b")))


def document(path: Path) -> dict[str, object]:
    found = json.loads(sidecar_of(path).marker.read_text())
    assert isinstance(found, dict)
    return found


def test_a_marker_is_found_from_each_disk_as_it_was_written(two: Marker) -> None:
    write_marker(two)
    assert [find_marker(image) for image in two.images] == [two, two]
    assert document(two.images[0])["imgtools"] == VERSION == 1
    remove_marker(two)
    assert [find_marker(image) for image in two.images] == [None, None]
    remove_marker(two)  # nothing is there any more, which is as it should be


@pytest.mark.parametrize(
    ("size", "new", "shrinks"), [(10, 9, True), (10, 10, False), (10, 11, False), (10, None, False)]
)
def test_a_disk_shrinks_if_it_gets_less(size: int, new: int | None, shrinks: bool) -> None:
    assert MarkedDisk("a", "raw", size, 0, 0, new).shrinks is shrinks


def test_what_points_to_a_marker_is_written_before_it_and_all_is_on_the_disk(
    two: Marker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the marker itself the others say nothing; a power cut after the last step cannot take it back."""
    diary: list[tuple[str, str]] = []
    rename = Path.replace

    def synced(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        diary.append(("content", re.sub("[0-9a-f]{8}$", "*", name.name)))
        assert json.loads(name.read_text()), "what is synced is complete"

    def renamed(path: Path, target: Path) -> Path:
        diary.append(("name", target.name))
        return rename(path, target)

    monkeypatch.setattr(module, "sync_folder", lambda path: diary.append(("folder", path.name)))
    monkeypatch.setattr(Path, "replace", renamed)
    monkeypatch.setattr(os, "fsync", synced)
    write_marker(two)
    here = two.images[0].parent.name
    assert diary == [
        ("content", "b.imgtools-unfinished.half-*"), ("name", "b.imgtools-unfinished"), ("folder", "other"),
        ("content", "a.imgtools-unfinished.half-*"), ("name", "a.imgtools-unfinished"), ("folder", here),
    ]  # fmt: skip
    diary.clear()
    remove_marker(two)
    assert diary == [("folder", here), ("folder", "other")]


def test_a_pointer_without_its_marker_says_nothing(two: Marker) -> None:
    write_marker(two)
    first, second = two.images
    other = replace(two, id="later", disks=two.disks[:1])
    write_marker(other)
    assert find_marker(second) is None, "it belongs to a transaction that is finished"
    sidecar_of(first).marker.unlink()
    assert find_marker(second) is None and find_marker(first) is None
    refuse_unfinished([first, second])


def test_the_marker_of_one_disk_follows_its_image_and_those_of_several_do_not(
    one: Marker, two: Marker, tmp_path: Path
) -> None:
    write_marker(one)
    place = tmp_path / "moved"
    place.mkdir()
    sidecar_of(one.images[0]).marker.rename(place / "c.imgtools-unfinished")
    (place / "c").touch()
    (tmp_path / "link").symlink_to(place / "c")
    found = find_marker(tmp_path / "link")
    assert found == replace(one, disks=(replace(one.disks[0], image=os.fspath(place / "c")),))
    write_marker(two)
    sidecar_of(two.images[0]).marker.rename(place / "c.imgtools-unfinished")
    assert find_marker(place / "c") == two


@pytest.mark.parametrize(
    "change",
    [
        {"imgtools": 2}, {"imgtools": None}, {"disks": []}, {"disks": [{"image": "a"}]}, {"disks": 7},
        {"disks": [{"odd": 1}]},
        {"stage": "done"}, {"id": ...}, {"stage": ...}, {"disks": ...},
    ],
)  # fmt: skip
def test_what_is_no_marker_is_a_bad_image(one: Marker, change: dict[str, object]) -> None:
    write_marker(one)
    (image,) = one.images
    place = sidecar_of(image).marker
    changed = {key: value for key, value in {**document(image), **change}.items() if value is not ...}
    place.write_text(json.dumps(changed))
    with pytest.raises(BadImage, match=r"/a\.imgtools-unfinished is not a marker of this imgtools$"):
        find_marker(image)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"x"'])
def test_bytes_that_are_no_document_are_a_bad_image(one: Marker, content: bytes) -> None:
    (image,) = one.images
    sidecar_of(image).marker.write_bytes(content)
    with pytest.raises(BadImage, match="is not a marker of this imgtools"):
        find_marker(image)


def test_a_marker_has_a_largest_size(one: Marker) -> None:
    write_marker(one)
    place = sidecar_of(one.images[0]).marker
    text = place.read_text()
    place.write_text(text.ljust(LARGEST))
    assert find_marker(one.images[0]) == one
    place.write_text(" " * LARGEST + text)
    with pytest.raises(BadImage):
        find_marker(one.images[0])


@pytest.mark.parametrize("kind", ["folder", "FIFO", "link", "other"])
def test_what_others_have_put_there_is_neither_read_nor_waited_for(
    one: Marker, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sidecar_of(one.images[0]).marker
    write_marker(one)
    if kind == "other":
        monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    else:
        place.rename(place.with_name("elsewhere"))
        make = {"folder": Path.mkdir, "FIFO": os.mkfifo, "link": lambda path: path.symlink_to("elsewhere")}
        make[kind](place)
    with pytest.raises(
        NotOurs, match=r"/a\.imgtools-unfinished is (a link|no regular file|a file of another)"
    ):
        find_marker(one.images[0])


def test_a_planted_link_is_not_written_through(one: Marker, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    place = sidecar_of(one.images[0]).marker
    for name in (place, place.with_name(place.name + ".new")):
        name.symlink_to(victim)
    write_marker(one)
    assert victim.read_text() == "precious" and not place.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o600


def test_an_image_is_unfinished_or_at_work(one: Marker, tmp_path: Path) -> None:
    (image,) = one.images
    refuse_unfinished([tmp_path / "none", image])
    write_marker(one)
    with pytest.raises(UnfinishedEdit, match="/a was cut while it was being committed") as caught:
        refuse_unfinished([tmp_path / "none", image])
    assert caught.value.hint == f"imgtools recover {image} finishes it"
    with sidecar_of(image).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ImageInUse, match=r"another imgtools is committing an edit of .*/a"):
            refuse_unfinished([image])
