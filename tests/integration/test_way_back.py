"""The way back of an edit: a plan that gives the disk the bytes that it had, or is refused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

import imgtools
from imgtools.errors import EditConflict, EditFailed, HostError
from imgtools.image import way_back
from imgtools.workflows.way_back import way_back_into
from tests.support.edits import MOTD, beside, digest, disk_digest, plan_file
from tests.support.fixtures import copy_fixture


def test_it_gives_back_every_byte_and_only_while_they_are_the_ones_it_knows(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before, place = disk_digest(image), tmp_path / "back.json"
    with way_back_into(place, os.fspath(image)):
        assert imgtools.sysprep(image, write=True).changed
    assert place.stat().st_mode & 0o777 == 0o600 and disk_digest(image) != before
    assert {one["kind"] for one in json.loads(place.read_text())["changes"]} == {"write-disk"}
    assert imgtools.apply(image, place, write=True).written
    assert disk_digest(image) == before
    with pytest.raises(EditConflict, match="other bytes"):
        imgtools.apply(image, place, write=True)
    assert disk_digest(image) == before


def test_an_edit_without_its_way_back_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before, plan = digest(image), plan_file(tmp_path, MOTD)
    with way_back_into(tmp_path / "none" / "back.json", "x"), pytest.raises(HostError):
        imgtools.apply(image, plan, write=True)
    monkeypatch.setattr(way_back, "MOST", 4096)
    with way_back_into(tmp_path / "back.json", "x"), pytest.raises(EditFailed, match=r"more than 4\.0K"):
        imgtools.apply(image, plan, write=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "back.json")

    monkeypatch.setattr("imgtools.workflows.way_back._document", full)
    with way_back_into(tmp_path / "back.json", "x"), pytest.raises(imgtools.errors.NoRoom):
        imgtools.apply(image, plan, write=True)
    assert digest(image) == before and not (tmp_path / "back.json").exists() and not beside(image)


def test_what_changes_nothing_and_what_makes_a_new_image_have_none(tmp_path: Path) -> None:
    image, place = copy_fixture("debian", tmp_path)[0], tmp_path / "back.json"
    with way_back_into(place, "x"):
        imgtools.apply(image, [], write=True)
        imgtools.apply(image, plan_file(tmp_path, MOTD), output=tmp_path / "new.qcow2")
    assert not place.exists()
