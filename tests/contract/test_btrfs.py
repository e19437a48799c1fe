"""Our reader of btrfs gives the kernel's own answers, over every kind that its tools make (fixtures/btrfs.py).

The kernel was asked when the fixtures were made, so that nothing is booted here: every name with all that ``lstat``
tells, contents, links, attributes, how full it is, for each mount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.btrfs import KINDS
from imgtools.files.tree import GuestTree
from imgtools.filesystems.btrfs.reader import Btrfs
from imgtools.records.disks import Declined
from imgtools.records.files import FileKind, FileStat
from imgtools.records.request import Engine
from tests.support.btrfs import PLACEHOLDER, Answer, answers, opened

pytestmark = pytest.mark.appliance


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[Btrfs, list[Answer]]]:
    with opened(request.param) as found:
        assert isinstance(found, Btrfs), found
        yield found, [one for one in answers() if one.kind == request.param]


def trees(kind: tuple[Btrfs, list[Answer]]) -> Iterator[tuple[GuestTree, Answer]]:
    filesystem, said = kind
    assert said
    for answer in said:
        mounted = filesystem.mount(answer.option)
        assert not isinstance(mounted, Declined), mounted
        yield GuestTree({"/": mounted}, Engine.DIRECT), answer


def comparable(stat: FileStat) -> FileStat:
    """A placeholder has the times at which somebody looked."""
    return replace(stat, atime=0, mtime=0, ctime=0) if stat.inode == PLACEHOLDER else stat


def test_every_name_with_all_that_the_kernel_tells_of_it(kind: tuple[Btrfs, list[Answer]]) -> None:
    for tree, answer in trees(kind):
        ours = {one.path: comparable(one.stat) for one in tree.walk("/")}
        assert ours == {path: comparable(stat) for path, stat in answer.files.items()}
        assert len(ours) >= 1


def test_contents_links_and_attributes(kind: tuple[Btrfs, list[Answer]]) -> None:
    for tree, answer in trees(kind):
        for path, stat in answer.files.items():
            if stat.kind is FileKind.FILE:
                with tree.open(path) as stream:
                    assert hashlib.sha256(stream.read()).hexdigest() == answer.sums[path], path
            elif stat.kind is FileKind.LINK:
                assert tree.read_link(path) == answer.targets[path]
            assert dict(tree.xattrs(path)) == answer.attributes.get(path, {}), path


def test_how_full_it_is(kind: tuple[Btrfs, list[Answer]]) -> None:
    for _tree, answer in trees(kind):
        assert kind[0].usage() == answer.usage
