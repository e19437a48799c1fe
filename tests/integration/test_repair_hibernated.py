"""A Windows that is hibernated: nothing is written to it before its session is thrown away, which has to be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.errors import EditFailed, WouldLoseData
from tests.support.command import imgtools
from tests.support.edits import plan_file
from tests.support.fixtures import copy_fixture

pytestmark = pytest.mark.appliance

HIBERNATION = ("--only", "windows-hibernation", "--set", "windows-hibernation.discard=yes")


def test_a_session_goes_before_the_first_byte_is_written(tmp_path: Path) -> None:
    (image,) = copy_fixture("broken:ntfs-hibernated", tmp_path)
    before = digest_of(image)
    ran = imgtools("repair", image, "--only", "windows-check-disk", "--write", code=EditFailed.exit_code)
    assert "hibernated" in ran.err and digest_of(image) == before
    ran = imgtools("repair", image, *HIBERNATION[:2], "--write", code=WouldLoseData.exit_code)
    assert "would be lost" in ran.err and digest_of(image) == before
    done = imgtools("repair", image, *HIBERNATION, "--only", "windows-check-disk", "--write", "--json")
    assert [one["kind"] for one in done.data["changes"]] == ["discard-hibernation", "registry-set"]
    assert done.data["written"] and done.json["engine"] == "appliance"
    # The direct engine reads what it declines while a session is there.
    listed = imgtools("ls", image, "/", "--engine", "direct").out
    assert "hiberfil.sys" not in listed and "pagefile.sys" in listed
    assert imgtools("repair", image, *HIBERNATION, "--json").data["changes"] == []


def test_a_volume_that_is_dirty_too_is_left_as_it_is(tmp_path: Path) -> None:
    """Only Windows puts it in order: a session that is gone would not help."""
    (image,) = copy_fixture("broken:ntfs-dirty", tmp_path)
    before = digest_of(image)
    plan = plan_file(tmp_path, [{"kind": "discard-hibernation", "device": "/dev/sda2"}])
    ran = imgtools("apply", image, plan, "--write", code=EditFailed.exit_code)
    assert "marked dirty" in ran.err and digest_of(image) == before
