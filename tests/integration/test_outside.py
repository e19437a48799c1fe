"""What an edit through the appliance has checked and read again from the host, on real overlays, without a boot."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.disk.backing import examine_disks
from imgtools.engine.appliance.outside import Outside
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.direct.write import DirectWriteSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.engine.qemu.overlay import create_overlay
from imgtools.engine.qemu.storage_daemon import StorageDaemon, serve_overlays
from imgtools.records.disks import Declined, Volume
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing
from tests.support.fixtures import copy_fixture


class Overlaid:
    """A guest's disk with an overlay, which something else than the host may have open for writing."""

    def __init__(self, daemon: StorageDaemon, reader: DirectSession) -> None:
        self.daemon, self.reader = daemon, reader
        self.outside = Outside(daemon, lambda: reader)

    def volume(self, content: str) -> Volume:
        return next(one for one in self.reader.layout().volumes if one.content == content)


@pytest.fixture(params=["debian"])
def overlaid(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Overlaid]:
    info = examine_disks([DiskSource(copy_fixture(request.param, tmp_path)[0])], Backing.SAME_DIR)[0]
    overlay = tmp_path / "overlay"
    create_overlay(overlay, info.chain[0])
    with serve_disk(info) as server, serve_overlays([(overlay, info.chain)]) as daemon:
        daemon.export_nbd()  # as the appliance has it
        yield Overlaid(daemon, DirectSession([server]))


def test_what_was_written_is_read_again_each_time(overlaid: Overlaid) -> None:
    """A host that remembered its first look would call a bad write good."""
    volume = overlaid.volume("ext4")
    for text in (b"first\n", b"second\n"):
        session = DirectWriteSession(overlaid.daemon, overlaid.reader)
        writer = session.mount(volume)
        assert not isinstance(writer, Declined)
        writer.write("/imgtools", io.BytesIO(text))
        session.finish()
        assert overlaid.outside.is_clean(volume.device, volume.content)
        found = overlaid.outside.mount(volume)
        assert found is not None and found.open("/imgtools").read() == text


def test_a_damaged_filesystem_is_not_called_clean(overlaid: Overlaid) -> None:
    volume = overlaid.volume("ext4")
    place = overlaid.reader.place_of(volume.device)
    assert not isinstance(place, Declined)
    with overlaid.daemon.export_file(*place).open("r+b") as stream:
        stream.seek(1024 + 12)  # s_free_blocks_count_lo of ext4's superblock
        stream.write(b"\1\0\0\0")
    assert not overlaid.outside.is_clean(volume.device, volume.content)


def test_what_the_host_does_not_see_is_left_to_the_appliance(overlaid: Overlaid) -> None:
    unknown = replace(overlaid.volume("ext4"), device="/dev/unknown/volume")
    assert not overlaid.outside.is_clean(unknown.device, unknown.content)
    assert overlaid.outside.mount(unknown) is None
    swap = overlaid.volume("swap")
    assert not overlaid.outside.is_clean(swap.device, swap.content)
    assert overlaid.outside.mount(swap) is None


@pytest.mark.parametrize("overlaid", ["real"], indirect=True)
def test_groups_get_new_uuids_while_others_have_the_disk_open(overlaid: Overlaid) -> None:
    before = overlaid.reader.layout()
    assert not overlaid.outside.new_lvm_uuids(["in_another_volume"], [])
    assert overlaid.outside.new_lvm_uuids([before.vgs[0].name], [])
    place = overlaid.reader.place_of(before.pvs[0].device)
    assert not isinstance(place, Declined)
    head = overlaid.daemon.export_file(*place).read_bytes()[:4096]
    assert before.pvs[0].uuid.replace("-", "").encode() not in head
