"""What we read as free is what the filesystems' own programs list; damage is told, and rubbish gets an answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.engine.direct import free_lists
from imgtools.errors import ImgtoolsError, OddGuest
from imgtools.filesystems.free_room import READERS, free_room
from imgtools.records.disks import Declined
from imgtools.volumes.ranges import joined, total
from tests.support.disks import MIB
from tests.support.sparse import KINDS, filesystem_of
from tests.support.volumes import blank, bytes_volume, patch, tool, volume


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return KINDS[request.param][0], filesystem_of(tmp_path_factory.mktemp("made"), request.param)


@pytest.mark.host
def test_free_is_what_its_program_lists(made: tuple[str, Path]) -> None:
    content, path = made
    ours = free_room(volume(path), content)
    assert isinstance(ours, list) and ours == joined(ours)
    assert ours[0][0] > 0 and ours[-1][1] <= path.stat().st_size
    if content in ("ext2", "ext3", "ext4"):
        assert ours == joined(free_lists._ext(path, volume(path)))
    elif content == "xfs":  # which lists the few blocks that a group keeps for its trees, too
        theirs = joined(free_lists._xfs(path, volume(path)))
        assert total(theirs) - total(ours) <= 4 * 8 * 4096
    elif content == "btrfs":
        theirs = joined(free_lists._btrfs(path, volume(path)))
        assert total(theirs) - total(ours) == MIB + 64 * 1024  # where boot code and a superblock are
    elif content == "ntfs":
        assert total(ours) == free_lists._ntfs(tool("ntfsinfo", "-m", path))
    else:
        used, of = re.findall(r"(\d+)/(\d+) clusters", tool("fsck.fat", "-n", path))[0]
        assert total(ours) % (int(of) - int(used)) == 0


@pytest.mark.host
def test_two_programs_have_to_agree(made: tuple[str, Path]) -> None:
    content, path = made
    ours = free_room(volume(path), content)
    assert isinstance(ours, list)
    assert free_lists._compared(volume(path), content, path, ours) == ""
    more = joined([*ours, (ours[0][0] - 65536, ours[0][0])])
    assert free_lists._compared(volume(path), content, path, more)


def test_swap_keeps_its_first_page() -> None:
    for page in (4096, 65536):
        raw = bytearray(256 << 10)
        raw[page - 10 : page] = b"SWAPSPACE2"
        assert free_room(bytes_volume(bytes(raw)), "swap") == [(page, 256 << 10)]
    assert isinstance(free_room(bytes_volume(bytes(1 << 20)), "swap"), Declined)
    assert isinstance(free_room(bytes_volume(bytes(1 << 20)), "zfs_member"), Declined)


@pytest.mark.host
def test_a_tree_of_xfs_that_leads_in_a_circle_is_told(tmp_path: Path) -> None:
    path = blank(tmp_path / "xfs", 320 * MIB)
    tool("mkfs.xfs", "-q", "-f", path)
    patch(path, 512 + 28, (2).to_bytes(4, "big"))  # levels of the tree by block number
    with pytest.raises(OddGuest, match="free extents"):
        free_room(volume(path), "xfs")
    patch(path, 512, b"BAGF")
    with pytest.raises(OddGuest, match="header of its free room"):
        free_room(volume(path), "xfs")


@pytest.mark.host
def test_a_bitmap_of_ntfs_that_is_torn_or_too_short_is_told(tmp_path: Path) -> None:
    path = blank(tmp_path / "ntfs", 32 * MIB)
    tool("mkntfs", "-q", "-F", "-H", "1", "-S", "1", "-s", "512", "-p", "0", path)
    with path.open("rb") as stream:
        head = stream.read(512)
    record = int.from_bytes(head[48:56], "little") * 4096 + 6 * 1024
    patch(path, record + 510, b"\xff\xff")
    with pytest.raises(OddGuest, match="torn"):
        free_room(volume(path), "ntfs")


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(READERS)), st.binary(min_size=16, max_size=4096))
def test_rubbish_gets_an_answer(content: str, raw: bytes) -> None:
    whole = (raw * (70_000 // len(raw) + 1))[:70_000]
    try:
        found = free_room(bytes_volume(whole), content)
    except ImgtoolsError:
        return
    assert isinstance(found, Declined) or joined(found) == found
