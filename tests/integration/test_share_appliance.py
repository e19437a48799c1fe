"""Images that need the appliance take turns in one: answers are those of a boot for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import copy_image, fixture_image

pytestmark = pytest.mark.appliance

UP, PLUGGED = "the appliance is up after", "the appliance that is up gets the disks of this image"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """btrfs with subvolumes, LVM, a clone of it with all its UUIDs and another name, LVM in LUKS2, RAID1."""
    clone = copy_image(fixture_image("lvm"), tmp_path_factory.mktemp("clone"))
    imgtools("write", clone, "/etc/hostname", "--content", "the-clone", "--write")
    opensuse, lvm, luks2, md = map(fixture_image, ("opensuse", "lvm", "luks2", "md"))
    return [opensuse, lvm, clone, luks2, md]


def answers(images: list[Path], *words: str) -> tuple[list[Any], str]:
    """What inspect says of each image when the appliance is asked, and what was logged by whoever asked it.

    A program of its own: the processes of images log into what is really its standard error.
    """
    command = ["inspect", "-v", "--engine", "appliance", "--key", "all:env:FIXTURE_KEY", "--json", *words]
    ran = subprocess.run(
        [sys.executable, "-m", "imgtools", *command, *images],
        capture_output=True,
        text=True,
        env={**os.environ, "FIXTURE_KEY": "fixture"},
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)["data"]["answers"], ran.stderr


def test_one_launch_answers_as_one_each_would(images: list[Path]) -> None:
    shared, log = answers(images, "--share-appliance")
    assert (log.count(UP), log.count(PLUGGED)) == (1, len(images))
    alone, log = answers([images[0], *images[3:]])
    assert (log.count(UP), log.count(PLUGGED)) == (3, 0)
    assert [shared[0], *shared[3:]] == alone
    for told, image in zip(shared[1:3], images[1:3], strict=True):  # what is read without a boot, too
        direct = imgtools("inspect", "--json", image).json
        assert (told["data"], told["warnings"]) == (direct["data"], direct["warnings"])
    assert [one["engine"] for one in shared] == ["appliance"] * len(images)
    names = [one["data"]["guests"][0]["os"]["hostname"] for one in shared]
    assert names == ["suse-fixture", "lvm-fixture", "the-clone", "luks2-fixture", "md-fixture"]
