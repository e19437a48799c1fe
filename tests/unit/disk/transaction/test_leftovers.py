"""What lies beside an image is removed only if an edit of imgtools has put it there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.transaction.leftovers import remove_leftovers, remove_overlay
from imgtools.disk.transaction.lock import is_locked, lock_images
from imgtools.disk.transaction.recover import Outcome, recover_image
from imgtools.disk.transaction.sidecar import Sidecar, sidecar_of
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.own_files import NotOurs
from imgtools.records.image import DiskSource

MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.img"
    path.write_bytes(bytes(MIB))
    return path


@pytest.fixture
def place(image: Path) -> Sidecar:
    return sidecar_of(image)


def transaction_of(image: Path) -> Transaction:
    return Transaction([examine(DiskSource(image, "raw"), ask_qemu=False)])


def overlay_on(path: Path, backing: str) -> None:
    argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", backing, "-F", "raw", path, str(MIB)]
    subprocess.run(argv, check=True)


@pytest.mark.host
def test_an_overlay_is_for_its_owner_alone(image: Path, place: Sidecar) -> None:
    os.umask(old := os.umask(0))
    os.umask(0)
    try:
        transaction_of(image).begin()
    finally:
        os.umask(old)
    assert place.overlay.stat().st_mode & 0o777 == 0o600
    assert {one.name for one in image.parent.iterdir()} == {image.name, place.overlay.name}


@pytest.mark.host
@pytest.mark.parametrize("backing", ["a.img", "/elsewhere/a.img", "link"])
def test_what_an_edit_has_left_is_replaced(image: Path, place: Sidecar, backing: str) -> None:
    (image.parent / "link").symlink_to(image)
    overlay_on(place.overlay, backing)
    with place.overlay.open("rb") as before:  # open, or its number could be the new one's too
        transaction_of(image).begin()
        assert not os.path.samestat(place.overlay.stat(), os.fstat(before.fileno()))


@pytest.mark.host
@pytest.mark.parametrize("kind", ["notes", "another's overlay", "link", "FIFO", "dangling link"])
def test_what_is_not_ours_is_in_the_way(image: Path, place: Sidecar, kind: str) -> None:
    victim = image.parent / "victim"
    victim.write_text("precious")
    if kind == "notes":
        place.overlay.write_text("precious")
    elif kind == "another's overlay":
        overlay_on(place.overlay, "b.img")
    elif kind == "FIFO":
        os.mkfifo(place.overlay)
    else:
        place.overlay.symlink_to(victim if kind == "link" else image.parent / "nothing")
    for change in (transaction_of(image).begin, lambda: recover_image(image)):
        with pytest.raises(NotOurs, match=r"a\.img\.imgtools-overlay is"):
            change()
    assert os.path.lexists(place.overlay) and victim.read_text() == "precious"
    assert not (image.parent / "nothing").exists()


def test_an_empty_file_is_all_that_a_power_cut_has_left(image: Path, place: Sidecar) -> None:
    assert not remove_overlay(place.overlay, image)
    place.overlay.touch()
    assert remove_overlay(place.overlay, image) and not place.overlay.exists()


def test_another_users_overlay_stays(image: Path, place: Sidecar, monkeypatch: pytest.MonkeyPatch) -> None:
    place.overlay.touch()
    monkeypatch.setattr(os, "geteuid", lambda: place.overlay.stat().st_uid + 1)
    with pytest.raises(NotOurs, match="a file of another user"):
        remove_overlay(place.overlay, image)


def test_half_a_marker_of_a_killed_run_is_swept(image: Path, place: Sidecar) -> None:
    half = place.marker.with_name(f"{place.marker.name}.half-0123abcd")
    other = place.marker.with_name(f"{place.marker.name}.half-of-mine")
    half.touch(), other.touch()
    assert remove_leftovers(place, image) and not half.exists() and other.exists()
    assert recover_image(image).outcome is Outcome.NOTHING


@pytest.mark.parametrize("kind", ["FIFO", "link"])
def test_a_planted_lock_is_refused_and_not_waited_for(image: Path, place: Sidecar, kind: str) -> None:
    if kind == "FIFO":
        os.mkfifo(place.lock)
    else:
        place.lock.symlink_to(image.parent / "made")
    assert not is_locked(image)
    with pytest.raises(NotOurs), lock_images([image]):
        pass
    assert os.path.lexists(place.lock) and not (image.parent / "made").exists()
