"""diagnose --thorough: each filesystem's own checker looks, finds what is wrong, and changes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image


def findings(image: Path, *words: str) -> list[dict[str, object]]:
    ran = imgtools("diagnose", image, "--only", "filesystems", "--json", *words, code=None)
    return [one for station in ran.data["stations"] for one in station["findings"]]


@pytest.mark.parametrize("guest", ["ubuntu", "rocky", "mbr-logical"])
def test_sound_filesystems_are_found_sound(guest: str) -> None:
    assert findings(fixture_image(guest), "--thorough") == []


def test_what_only_a_checker_sees_is_found_and_nothing_is_written() -> None:
    image = fixture_image("broken:ext4-bad-inode")
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    assert findings(image) == []
    (one,) = findings(image, "--thorough")
    assert one["id"] == "filesystem-errors" and "e2fsck" in str(one["text"]) and one["evidence"]
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
