"""Arrays and logical volumes of every kind: their bytes are those that the kernel read when it had made them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from fixtures.kernel_volumes import ARRAYS, LINEAR, ODD_VOLUMES, VOLUMES, kernel_digests
from imgtools.disk.backing import examine
from imgtools.engine.appliance import ApplianceSession
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.records.disks import Layout
from imgtools.records.image import DiskSource
from imgtools.volumes.volume_file import DiskFile, DiskServer
from tests.support.fixtures import fixture_disks

NOT_READ = {"cachedback": "a logical volume of kind cache, in mode writeback"}


@contextmanager
def served(name: str) -> Iterator[list[DiskServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serve_disk(examine(DiskSource(disk)))) for disk in fixture_disks(name)]


@pytest.fixture(scope="module", params=["md-kinds", "md-guest", "lvm-kinds"])
def opened(request: pytest.FixtureRequest) -> Iterator[tuple[str, DirectSession]]:
    with served(request.param) as servers:
        session = DirectSession(servers)
        yield request.param, session
        session.close()


def device_of(name: str, set_name: str, layout: Layout) -> str:
    """The device of what was made under a name."""
    if set_name == "lvm-kinds":
        return f"/dev/kinds/{name}"
    if set_name == "md-guest":
        return {"boot1": "/dev/md127p1"}.get(name, f"/dev/stacked/{name}")
    number = [one.name for one in ARRAYS].index(name) + 1
    return next(one.device for one in layout.arrays if one.uuid.endswith(f"{number:08x}"))


def test_every_volume_has_the_bytes_that_the_kernel_reads(opened: tuple[str, DirectSession]) -> None:
    name, session = opened
    wrong = []
    for made, (size, digest) in kernel_digests(name).items():
        file = session.volume_file(device_of(made, name, session.layout()))
        if made not in NOT_READ:
            assert file is not None, made
            wrong += [made] if (file.size, sha256(file)) != (size, digest) else []
    assert not wrong


def test_everything_that_was_made_was_asked_for(opened: tuple[str, DirectSession]) -> None:
    name, session = opened
    made = set(kernel_digests(name))
    if name == "md-kinds":
        assert {one.name for one in ARRAYS} - made in (set(), LINEAR)
        assert len(session.layout().arrays) == len(made)
    elif name == "lvm-kinds":
        assert made == {*dict(VOLUMES), *ODD_VOLUMES}
    told = {one.what.rpartition("/")[2]: one.reason for one in session.layout().unread}
    assert told == (NOT_READ if name == "lvm-kinds" else {})


def test_small_reads_anywhere_are_the_same_bytes(opened: tuple[str, DirectSession]) -> None:
    """At the ends of chunks, across them, and at the end."""
    _name, session = opened
    for volume in session.layout().volumes:
        file = session.volume_file(volume.device)
        if file is None or not volume.content.startswith("ext"):
            continue
        whole = file.read_past_cache(0, min(file.size, 8 << 20))
        for at in range(0, len(whole) - 70_000, 65_536 - 7):
            for length in (1, 14, 512, 4096, 40_000):
                assert file.read_at(at, length) == whole[at : at + length], (volume.device, at, length)
        assert file.read_at(file.size - 5, 10) == file.read_past_cache(file.size - 5, 5)


def sha256(file: DiskFile) -> str:
    digest = hashlib.sha256()
    for start in range(0, file.size, 1 << 20):
        digest.update(file.read_at(start, min(1 << 20, file.size - start)))
    return digest.hexdigest()


@pytest.mark.appliance
@pytest.mark.parametrize("name", ["md-kinds", "lvm-kinds"])
def test_both_engines_see_the_same_volumes(name: str) -> None:
    with served(name) as servers, ExitStack() as stack:
        direct, appliance = DirectSession(servers), ApplianceSession(servers)
        stack.callback(direct.close)
        stack.callback(appliance.close)
        ours, theirs = comparable(direct.layout()), comparable(appliance.layout())
        assert ours.arrays == theirs.arrays
        assert (ours.pvs, ours.vgs, ours.lvs) == (theirs.pvs, theirs.vgs, theirs.lvs)
        assert ours.volumes == theirs.volumes


def comparable(layout: Layout) -> Layout:
    """A layout without what only one engine can say, and without what only one reads."""
    volumes = [one for one in layout.volumes if one.device.rpartition("/")[2] not in NOT_READ]
    return replace(layout, unread=(), volumes=tuple(sorted(volumes, key=lambda one: one.device)))
