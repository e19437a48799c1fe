"""What checkers say is read: what they did, what they did not do, and what would lose data."""

from __future__ import annotations

import pytest

from imgtools.engine.appliance.mend import MOST_TOLD, mending_script, read_mending
from imgtools.errors import EditFailed, UnsupportedGuest, WouldLoseData

E2FSCK = """e2fsck 1.47.0 (5-Feb-2023)
Pass 1: Checking inodes, blocks, and sizes
Pass 2: Checking directory structure
Entry 'home' in / (2) has deleted/unused inode 122.  Clear? yes

Unconnected directory inode 123 (was in /etc)
Connect to /lost+found? yes

Free blocks count wrong (1, counted=2).
Fix? yes

/dev/sda3: ***** FILE SYSTEM WAS MODIFIED *****
/dev/sda3: 410/49152 files (0.0% non-contiguous), 8191/196608 blocks
"""


def read(kind: str, words: str, code: object) -> tuple[str, ...]:
    return read_mending(kind, "/dev/sda3", f"{words}\nmark {code}\n", "mark")


def test_what_e2fsck_did() -> None:
    told = read("ext4", E2FSCK, 1)
    assert told[0].startswith("Entry 'home'") and "Free blocks count wrong (1, counted=2)." in told
    assert told[-1] == "1 files and directories without a name are now in lost+found"
    assert not [one for one in told if "Pass" in one or "MODIFIED" in one or one.startswith("Fix?")]


def test_a_filesystem_that_was_in_order_has_nothing_to_tell() -> None:
    assert read("ext4", E2FSCK.partition("Entry")[0], 0) == ()
    assert (
        read("xfs", "Phase 1 - find and verify superblock...\n        - scan filesystem freespace\ndone", 0)
        == ()
    )


def test_xfs_tells_what_it_mended() -> None:
    assert read("xfs", "Phase 3 - x\ncorrecting nlinks 2 to 1 in inode 131\ndone", 0) == (
        "correcting nlinks 2 to 1 in inode 131",
    )


def test_a_long_story_is_cut() -> None:
    told = read("ext4", "\n".join(f"Inode {n} is odd" for n in range(50)), 1)
    assert len(told) == MOST_TOLD + 1 and told[-1] == f"and {50 - MOST_TOLD} things more"


@pytest.mark.parametrize(
    ("kind", "words", "code", "error", "said"),
    [
        ("ext4", "e2fsck: Bad magic number in super-block", 8, EditFailed, "Bad magic number"),
        ("ext4", "", "", EditFailed, "it ends with -1"),
        (
            "xfs",
            "ERROR: The filesystem has valuable metadata changes",
            2,
            WouldLoseData,
            "the log of /dev/sda3",
        ),
        ("btrfs", "ERROR: errors found in fs roots", 1, WouldLoseData, "errors found in fs roots"),
        ("vfat", "Logical sector size is zero.", 1 << 1, EditFailed, "sector size is zero"),
        ("ntfs", "", 14, EditFailed, "hibernated"),
    ],
)
def test_what_is_not_mended(kind: str, words: str, code: object, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read(kind, words, code)


def test_only_force_loses_data() -> None:
    for kind, word in (("xfs", "xfs_repair -L"), ("btrfs", "--repair")):
        assert word not in mending_script(kind, "/dev/sda", "m", force=False)
        assert word in mending_script(kind, "/dev/sda", "m", force=True)
    with pytest.raises(UnsupportedGuest):
        mending_script("reiserfs", "/dev/sda", "m", force=True)
