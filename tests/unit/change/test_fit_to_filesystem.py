"""Copies of Unix trees on filesystems that hold less."""

from pathlib import Path

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    SetXattr,
    Upload,
)
from imgtools.change.fit_to_filesystem import fitted
from imgtools.records.disks import Mount
from imgtools.records.system import Warned
from tests.support.memory import memory_volume

MOUNTS = (
    Mount("/", memory_volume("/dev/sda1")),
    Mount("/boot/efi", memory_volume("/dev/sda2", "vfat")),
    Mount("/win", memory_volume("/dev/sda3", "ntfs")),
)
HOST = Path("/host/file")


def tree(top: str) -> list[Change]:
    return [
        MakeDirectory(f"{top}/d", 0o700, 5, 6, 2000),
        Upload(f"{top}/d/f", HOST, 7, 0o4755, 5, 6, 1000),
        MakeHardLink(f"{top}/d/g", f"{top}/d/f"),
        SetXattr(f"{top}/d/f", "user.note", b"x"),
        MakeLink(f"{top}/d/l", "f", 5, 6),
        SetXattr(f"{top}/d/l", "user.note", b"x"),
        MakeSpecial(f"{top}/d/n", "c", (1, 3)),
    ]


def fit(top: str) -> tuple[list[Change], list[str]]:
    found = list(fitted(tree(top), MOUNTS))
    warned = [one for one in found if isinstance(one, Warned)]
    return [one for one in found if not isinstance(one, Warned)], [one.path for one in warned]


def test_a_unix_filesystem_holds_everything() -> None:
    for top in ("/srv", "/window", "/boot/efix"):
        assert fit(top) == (tree(top), [])


def test_ntfs_holds_contents_times_and_second_names() -> None:
    changes, left_out = fit("/win")
    assert changes == [
        MakeDirectory("/win/d", mtime=2000),
        Upload("/win/d/f", HOST, 7, mtime=1000),
        MakeHardLink("/win/d/g", "/win/d/f"),
        SetXattr("/win/d/f", "user.note", b"x"),
    ]
    assert left_out == ["/win/d/l", "/win/d/n"]


def test_on_fat_a_second_name_is_a_second_copy() -> None:
    changes, left_out = fit("/boot/efi")
    assert changes == [
        MakeDirectory("/boot/efi/d"),
        Upload("/boot/efi/d/f", HOST, 7, mtime=1000),
        Upload("/boot/efi/d/g", HOST, 7, mtime=1000),
    ]
    assert left_out == ["/boot/efi/d/f", "/boot/efi/d/l", "/boot/efi/d/n"]


def test_times_are_those_that_an_inode_holds() -> None:
    """As the kernel does: the nearest."""
    second = 10**9
    for mtime, expected in (
        (5, 5), (-(1 << 31) * second, -(1 << 31) * second), (-(1 << 31) * second - 1, -(1 << 31) * second),
        (((1 << 31) + (3 << 32)) * second - 1, ((1 << 31) + (3 << 32)) * second - 1),
        (1 << 90, ((1 << 31) + (3 << 32)) * second - 1),
    ):  # fmt: skip
        (found,) = fitted([MakeLink("/srv/l", "x", mtime=mtime)], MOUNTS)
        assert found == MakeLink("/srv/l", "x", mtime=expected)
    change = MakeDirectory("/win/d", mtime=1 << 70)
    assert list(fitted([change, MakeLink("/srv/l", "x")], MOUNTS)) == [change, MakeLink("/srv/l", "x")]
