"""Filesystems in plain files that become larger and smaller."""

import struct
from pathlib import Path

import pytest

from imgtools.engine.process import HOST, run
from imgtools.engine.volume_size import least_size, set_size
from imgtools.errors import EditFailed, RolledBack, UnsupportedFormat

MIB = 1 << 20
UUID = "d0d0d0d0-0077-4000-8000-000000000a01"


def volume(folder: Path, size: int, *argv: str) -> Path:
    """A filesystem of ``size`` MiB in a file."""
    host_path = folder / "volume"
    with host_path.open("wb") as stream:
        stream.truncate(size * MIB)
    run([*argv, str(host_path)], HOST)
    return host_path


def enlarge(host_path: Path, size: int) -> None:
    with host_path.open("r+b") as stream:
        stream.truncate(size * MIB)


def blocks(host_path: Path) -> int:
    """The KiB that an ext filesystem says it has (s_blocks_count_lo, s_log_block_size)."""
    raw = host_path.read_bytes()[1024:2048]
    return int(struct.unpack_from("<I", raw, 4)[0]) << int(struct.unpack_from("<I", raw, 24)[0])


@pytest.mark.host
def test_ext4_grows_into_its_file_and_shrinks_to_a_size(tmp_path: Path) -> None:
    ext = volume(tmp_path, 20, "mke2fs", "-q", "-t", "ext4", "-U", UUID)
    enlarge(ext, 50)
    set_size(ext, "ext4")
    assert blocks(ext) == 50 * 1024
    set_size(ext, "ext4", 17 * MIB)
    assert blocks(ext) == 17 * 1024
    assert 0 < least_size(ext, "ext4") < 17 * MIB
    run(["e2fsck", "-fn", str(ext)], HOST)


@pytest.mark.host
def test_ext4_that_is_damaged_is_left_alone(tmp_path: Path) -> None:
    ext = volume(tmp_path, 20, "mke2fs", "-q", "-t", "ext4")
    run(["debugfs", "-w", "-R", "clri <2>", str(ext)], HOST)  # no root directory any more
    before = blocks(ext)
    enlarge(ext, 30)
    with pytest.raises(EditFailed, match="e2fsck cannot repair"):
        set_size(ext, "ext4")
    assert blocks(ext) == before


@pytest.mark.host
def test_a_size_below_the_content_is_refused_by_the_program(tmp_path: Path) -> None:
    ext = volume(tmp_path, 20, "mke2fs", "-q", "-t", "ext4")
    with pytest.raises(RolledBack, match="resize2fs"):
        set_size(ext, "ext4", 1 * MIB)
    assert blocks(ext) == 20 * 1024


@pytest.mark.host
def test_ntfs_grows_and_shrinks(tmp_path: Path) -> None:
    ntfs = volume(tmp_path, 20, "mkntfs", "-q", "-F", "-Q")
    assert least_size(ntfs, "ntfs") < 10 * MIB
    enlarge(ntfs, 40)
    set_size(ntfs, "ntfs")
    sectors = struct.unpack_from("<Q", ntfs.read_bytes(), 0x28)[0]
    assert 39 * MIB < sectors * 512 <= 40 * MIB


@pytest.mark.host
def test_ntfs_that_waits_for_a_check_is_left_to_windows(tmp_path: Path) -> None:
    ntfs = volume(tmp_path, 20, "mkntfs", "-q", "-F", "-Q")
    set_size(ntfs, "ntfs", 15 * MIB)  # has Windows check it at its next start
    with pytest.raises(EditFailed, match="Windows has not let go"):
        set_size(ntfs, "ntfs")


@pytest.mark.host
def test_swap_is_made_anew_with_its_identity(tmp_path: Path) -> None:
    swap = volume(tmp_path, 4, "mkswap", "-q", "-U", UUID, "-L", "spare")
    enlarge(swap, 9)
    set_size(swap, "swap", uuid=UUID, label="spare")
    told = run(["blkid", "-p", str(swap)], HOST).text
    assert UUID in told and "spare" in told
    assert struct.unpack_from("<I", swap.read_bytes(), 1028) == (9 * 256 - 1,)  # the last page


@pytest.mark.host
def test_f2fs_grows_and_never_shrinks(tmp_path: Path) -> None:
    f2fs = volume(tmp_path, 100, "mkfs.f2fs", "-q")
    enlarge(f2fs, 160)
    set_size(f2fs, "f2fs")
    assert struct.unpack_from("<Q", f2fs.read_bytes(), 1024 + 36)[0] * 4096 > 150 * MIB  # block_count
    with pytest.raises(UnsupportedFormat):
        set_size(f2fs, "f2fs", 120 * MIB)
    with pytest.raises(UnsupportedFormat):
        least_size(f2fs, "f2fs")


def test_other_contents_have_no_size(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="xfs"):
        least_size(tmp_path, "xfs")
    with pytest.raises(UnsupportedFormat, match="unknown content"):
        set_size(tmp_path, "")
