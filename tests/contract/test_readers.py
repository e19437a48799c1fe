"""Direct and appliance give the same answers to the same questions, over every fixture that direct can read.

What memory answers is held to the same resolver (``files/tree.py``) by the unit tests; here the two engines are
held to each other: what the disks hold, every name with all that ``lstat`` tells, contents, links, attributes, and
how full each filesystem is. One launch of the appliance an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from imgtools.disk.backing import examine
from imgtools.engine.api import Session
from imgtools.engine.appliance import ApplianceSession
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.files.tree import GuestTree
from imgtools.records.disks import Declined, Layout, Volume
from imgtools.records.files import FileKind, FileStat
from imgtools.records.found import FoundFile
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine
from tests.support.fixtures import fixture_disks

READABLE = (
    "debian",
    "ubuntu",
    "lvm",
    "rocky",
    "amazon",
    "multidisk",
    "md-guest",
    "lvm-exotic",
    "mbr-logical",
    "multiboot",
    "ext4-features",
    "windows11",
    "iso",
    "floppy",
    "fat",
    "opensuse",
)
CONTENT_LIMIT = 200_000  # bytes read of each file
# fs-verity on blocks of 1 KiB: the appliance's kernel (6.1) does not mount it, the direct engine reads it.
NOT_BY_THE_KERNEL = frozenset({("ext4-features", "/dev/sda2")})
# libguestfs lists no times below a second for these, and the kernel makes some facts up.
ROUNDING = 8192  # bytes; a cluster, a sector of a disc, or a file in its record of NTFS
NO_OWNERS = frozenset({"vfat", "ntfs", "iso9660"})

pytestmark = pytest.mark.appliance


class Pair:
    """Both engines with one image open."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name = name
        disks = fixture_disks(name)
        infos = [examine(DiskSource(disk)) for disk in disks]
        servers = [stack.enter_context(serve_disk(info)) for info in infos]
        self.direct = DirectSession(servers, ())
        self.appliance = ApplianceSession(servers, ())
        stack.callback(self.direct.close)
        stack.callback(self.appliance.close)


@pytest.fixture(scope="module", params=READABLE)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(request.param, stack)


def sorted_layout(layout: Layout) -> Layout:
    """A layout without what only one engine can say."""
    return replace(layout, unread=(), volumes=tuple(sorted(layout.volumes, key=lambda volume: volume.device)))


def mounted(pair: Pair) -> Iterator[tuple[Volume, GuestTree, GuestTree]]:
    for volume in pair.direct.layout().volumes:
        if (pair.name, volume.device) in NOT_BY_THE_KERNEL:
            continue
        if volume.mountable and not isinstance(direct := pair.direct.mount(volume), Declined):
            appliance = pair.appliance.mount(volume)
            assert not isinstance(appliance, Declined), appliance
            yield (
                volume,
                GuestTree({"/": direct}, Engine.DIRECT),
                GuestTree({"/": appliance}, Engine.APPLIANCE),
            )


def comparable(volume: Volume, found: FoundFile) -> tuple[object, ...]:
    """What both engines must say of a file; times of reading change by being read."""
    stat: FileStat = replace(found.stat, atime=0)
    if volume.content in NO_OWNERS:
        # ntfs-3g, vfat and isofs invent inode numbers, links of directories and change times.
        stat = replace(stat, inode=0, links=0, ctime=0, mtime=stat.mtime // 10**9 // 2)
    if stat.kind is FileKind.DIRECTORY and volume.content in NO_OWNERS:
        stat = replace(stat, size=0)
    return (found.path, stat)


def test_both_see_the_same_disks_partitions_and_volumes(pair: Pair) -> None:
    direct, appliance = sorted_layout(pair.direct.layout()), sorted_layout(pair.appliance.layout())
    assert direct.disks == appliance.disks
    assert (direct.pvs, direct.vgs, direct.lvs) == (appliance.pvs, appliance.vgs, appliance.lvs)
    assert direct.volumes == appliance.volumes


def test_both_list_the_same_files_with_the_same_facts(pair: Pair) -> None:
    for volume, direct, appliance in mounted(pair):
        ours = [comparable(volume, found) for found in direct.walk("/")]
        theirs = [comparable(volume, found) for found in appliance.walk("/")]
        assert ours == theirs, volume.device
        assert ours


def test_both_say_the_same_of_the_room_that_files_take(pair: Pair) -> None:
    """The kernel's drivers of NTFS, FAT and ISO round in their own ways: there, it is only like it."""
    for volume, direct, appliance in mounted(pair):
        for ours, theirs in zip(direct.walk("/"), appliance.walk("/"), strict=True):
            assert ours.stat.room is not None and theirs.stat.room is not None
            if volume.content not in NO_OWNERS:
                assert ours.stat.room == theirs.stat.room, (volume.device, ours.path)
            elif ours.stat.kind is FileKind.FILE:
                assert abs(ours.stat.room - theirs.stat.room) <= ROUNDING, (volume.device, ours.path)


def test_both_read_the_same_contents_links_and_attributes(pair: Pair) -> None:
    for volume, direct, appliance in mounted(pair):
        for found in direct.walk("/"):
            if found.stat.kind is FileKind.FILE and found.stat.size <= CONTENT_LIMIT:
                assert digest(direct, found.path) == digest(appliance, found.path), found.path
            elif found.stat.kind is FileKind.LINK:
                assert direct.read_link(found.path) == appliance.read_link(found.path), found.path
            if volume.content.startswith("ext") or volume.content in ("xfs", "btrfs"):
                assert dict(direct.xattrs(found.path)) == dict(appliance.xattrs(found.path)), found.path


def test_both_say_the_same_of_how_full_it_is(pair: Pair) -> None:
    for volume, _direct, _appliance in mounted(pair):
        usages = [_usage(session, volume) for session in (pair.direct, pair.appliance)]
        assert usages[0] == usages[1], volume.device


def _usage(session: Session, volume: Volume) -> object:
    mounted = session.mount(volume)
    assert not isinstance(mounted, Declined)
    return mounted.usage()


def digest(files: GuestTree, path: str) -> str:
    with files.open(path) as stream:
        return hashlib.sha256(stream.read()).hexdigest()
