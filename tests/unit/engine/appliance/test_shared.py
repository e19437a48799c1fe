"""An appliance for one image after the other: what is plugged in and taken out, and when another one is booted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imgtools.engine.appliance import session, shared
from imgtools.engine.appliance.launch import Drive
from imgtools.engine.appliance.shared import FIRST, SharedAppliance
from imgtools.errors import ApplianceFailed, EngineFailed
from tests.support.volumes import BytesDisk

DRIVE = Drive(socket="/s/disk")


class FakeAppliance:
    """Answers the scripts; ``state`` is what it says of itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.monitor = folder / "qmp"
        self.state = b"as before"
        self.said = b""  # by what plugs in
        self.scripts: list[str] = []
        self.has_ended = False

    def shell(self, script: str, *, seconds: float = 0) -> bytes:
        self.scripts.append(script)
        if script == shared.STATE:
            return self.state
        return self.said if "told" in script else b""

    def close(self) -> None:
        self.has_ended = True


class Host:
    """Everything that is booted, and what QEMU is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # of all appliances
        self.booted: list[FakeAppliance] = []
        self.alone = 0
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.refuses = ""

    def launch(self, drives: Sequence[Drive], *, memory: int = 0, **more: object) -> FakeAppliance:
        if drives != [shared.EMPTY]:
            self.alone += 1
            return FakeAppliance(self.folder)
        self.booted.append(FakeAppliance(self.folder))
        return self.booted[-1]

    def execute(self, command: str, **arguments: Any) -> None:
        if command == self.refuses:
            raise EngineFailed(command)
        self.told.append((command, arguments))

    def close(self) -> None:
        """As a monitor."""

    def commands(self) -> list[str]:
        return [command for command, _ in self.told]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Host:
    found = Host(tmp_path)
    monkeypatch.setattr(shared, "launch_appliance", found.launch)
    monkeypatch.setattr(session, "launch_appliance", found.launch)
    monkeypatch.setattr(shared, "connected", lambda place: None)
    monkeypatch.setattr(shared, "Monitor", lambda *words: found)
    monkeypatch.setattr(shared, "create_scratch", lambda overlay, size: overlay.write_bytes(b""))
    return found


def disk(size: int = 1 << 20) -> BytesDisk:
    return BytesDisk(bytes(size))


def test_one_boot_serves_one_image_after_the_other(host: Host) -> None:
    appliance = SharedAppliance()
    for _ in range(3):
        booted = appliance.boot([disk()], [DRIVE], 0)
        assert booted.first == FIRST
        booted.let_go()
    appliance.close()
    assert (len(host.booted), host.booted[0].has_ended, host.alone) == (1, True, 0)
    assert host.commands() == ["blockdev-add", "device_add", "device_del", "blockdev-del"] * 3


def test_each_disk_has_an_overlay_and_its_own_sectors(host: Host) -> None:
    drives = [Drive(socket="/s/a"), Drive(socket="/s/b", sector_size=4096)]
    SharedAppliance().boot([disk(), disk()], drives, 0)
    nodes = [words for command, words in host.told if command == "blockdev-add"]
    devices = [words for command, words in host.told if command == "device_add"]
    assert [node["driver"] for node in nodes] == ["qcow2"] * 2
    assert [node["backing"]["server"]["path"] for node in nodes] == ["/s/a", "/s/b"]
    assert [node["cache"] for node in nodes] == [{"no-flush": True}] * 2
    assert [(one["scsi-id"], one["logical_block_size"]) for one in devices] == [(2, 512), (3, 4096)]


@pytest.mark.parametrize("how", ["left", "ended", "refused", "memory"])
def test_what_an_image_has_spoilt_serves_no_other(how: str, host: Host) -> None:
    appliance = SharedAppliance()
    booted = appliance.boot([disk()], [DRIVE], 0)
    if how == "left":
        host.booted[0].state = b"a mount that stays"
    host.booted[0].has_ended = how == "ended"
    host.refuses = "blockdev-del" if how == "refused" else ""
    booted.let_go()
    host.refuses = ""
    appliance.boot([disk()], [DRIVE], 2048 if how == "memory" else 0)
    assert len(host.booted) == 2
    assert host.booted[0].has_ended and not host.booted[1].has_ended


def test_a_disk_that_is_not_seen_is_an_error(host: Host) -> None:
    appliance = SharedAppliance()
    appliance.boot([disk()], [DRIVE], 0).let_go()
    host.booted[0].said = b"the kernel of the appliance does not see disk 2\n"
    with pytest.raises(ApplianceFailed, match="does not see disk 2"):
        appliance.boot([disk()], [DRIVE], 0)
    assert host.booted[0].has_ended
    appliance.boot([disk()], [DRIVE], 0)
    assert len(host.booted) == 2


def test_a_second_image_at_the_same_time_boots_alone(host: Host) -> None:
    appliance = SharedAppliance()
    first = appliance.boot([disk()], [DRIVE], 0)
    assert appliance.boot([disk()], [DRIVE], 0).first == 0
    assert host.alone == 1
    first.let_go()
    assert appliance.boot([disk()], [DRIVE], 0).first == FIRST


def test_what_an_image_has_written_goes_with_it(host: Host) -> None:
    """An overlay lies where the appliance's QEMU may use files."""
    booted = SharedAppliance().boot([disk()], [DRIVE], 0)
    assert [path.name for path in host.folder.iterdir()] == [f"overlay{FIRST}"]
    booted.let_go()
    assert list(host.folder.iterdir()) == []
