"""repair filesystem-check for real: damaged filesystems of every kind, mended by their checkers and looked at again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fixtures.damaged import DAMAGED, KEPT, TEXT
from imgtools.errors import WouldLoseData
from tests.support.command import imgtools

pytestmark = pytest.mark.appliance
DEVICE = ("--set", "filesystem-check.device=/dev/sda")
FORCE = ("--set", "filesystem-check.force=yes")


def found(disk: Path) -> list[str]:
    ran = imgtools(
        "diagnose", disk, "--format", "raw", "--only", "filesystems", "--thorough", "--json", code=None
    )
    return [one["id"] for station in ran.data["stations"] for one in station["findings"]]


def mend(disk: Path, *words: str, code: int = 0) -> str:
    """What the checker has done, in its words."""
    words = ("--only", "filesystem-check", *words, "--write", "--json")
    return str(imgtools("repair", disk, "--format", "raw", *words, code=code).json.get("warnings"))


@pytest.mark.parametrize(
    ("kind", "finding", "words", "told"),
    [
        ("xfs", "filesystem-errors", DEVICE, "reset bad agf"),
        ("xfs-marked", "filesystem-damaged", (), ""),
        ("btrfs", "filesystem-errors", (*DEVICE, *FORCE), "repair mode"),
        ("fat", "filesystem-errors", DEVICE, "correcting"),
        ("ntfs", "filesystem-errors", DEVICE, "$MFTMirr"),
    ],
)
def test_it_is_mended(kind: str, finding: str, words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    disk = DAMAGED[kind](tmp_path)
    assert found(disk) == [finding]
    assert told in mend(disk, *words)
    assert found(disk) == []
    content = imgtools("cat", disk, "--format", "raw", "-m", "/dev/sda:/", f"/{KEPT}").out
    assert content.encode() == TEXT


def test_a_btrfs_is_not_mended_unasked(tmp_path: Path) -> None:
    """Its checker says itself that a repair may make it worse."""
    disk = DAMAGED["btrfs"](tmp_path)
    before = hashlib.sha256(disk.read_bytes()).hexdigest()
    mend(disk, *DEVICE, code=WouldLoseData.exit_code)
    assert hashlib.sha256(disk.read_bytes()).hexdigest() == before
