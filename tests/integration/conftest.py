"""One appliance for all tests that only read: every disk that needs one, attached to a single launch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.cache import digest_of
from imgtools.disk.backing import examine
from imgtools.engine.appliance import ApplianceSession
from imgtools.engine.direct.session import DirectSession, disk_device
from imgtools.engine.qemu.block import serve_disk
from imgtools.records.disks import Volume
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Key, Secret
from tests.support.fixtures import fixture_disks

ATTACHED = (
    "luks2", "luks1", "bitlocker", "lvm-exotic", "md", "opensuse", "windows", "broken:ntfs-hibernated", "crashed",
    "luks-kinds",
)  # fmt: skip
LUKS_KINDS = 11  # volumes of that fixture
RAW_NAME = b"caf\xe9 \xff"  # Latin-1, and a byte that no encoding of text has


@dataclass(frozen=True)
class Attached:
    """A running appliance, and the device of each fixture's first disk."""

    session: ApplianceSession
    direct: DirectSession
    devices: dict[str, str]
    disks: tuple[Path, ...]
    digests: tuple[str, ...]  # of the disks, before anything was opened

    def volume(self, device: str) -> Volume:
        """The volume of that name; ``NAME:2`` is the second partition of a fixture."""
        name, _, number = device.rpartition(":")
        wanted = f"{self.devices[name]}{number}" if name in self.devices else device
        return next(one for one in self.session.layout().volumes if one.device == wanted)


@pytest.fixture(scope="session")
def attached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    """The appliance with all disks; luks2, luks-kinds and bitlocker are unlocked, luks1 is not."""
    devices: dict[str, str] = {}
    disks: list[Path] = []
    for name in ATTACHED:
        devices[name] = disk_device(len(disks))
        disks += fixture_disks(name)
    devices["raw-names"] = disk_device(len(disks))
    disks.append(raw_names_disk(tmp_path_factory.mktemp("raw-names")))
    secret = Secret(b"fixture")
    keys = [Key(f"{devices['luks2']}2", secret), Key(f"{devices['bitlocker']}1", secret)]
    keys += [Key(f"{devices['luks-kinds']}{number}", secret) for number in range(1, LUKS_KINDS + 1)]
    digests = tuple(digest_of(disk) for disk in disks)
    with ExitStack() as stack:
        infos = [examine(DiskSource(disk), policy=Backing.SAME_DIR) for disk in disks]
        servers = [stack.enter_context(serve_disk(info)) for info in infos]
        direct = DirectSession(servers)
        stack.callback(direct.close)
        session = ApplianceSession(servers, keys)
        stack.callback(session.close)
        yield Attached(session, direct, devices, tuple(disks), digests)


def raw_names_disk(folder: Path) -> Path:
    """An ext4 disk with names and a link that are not UTF-8, and a file of a few megabytes."""
    tree, name = folder / "tree", os.fsdecode(RAW_NAME)
    (tree / f"folder {name}").mkdir(parents=True)
    for path in (name, f"folder {name}/inside", "line\nend"):
        (tree / path).write_bytes(b"content of " + os.fsencode(path))
    (tree / "link").symlink_to(f"to {name}")
    (tree / "large").write_bytes(bytes(range(256)) * 20000)
    disk = folder / "raw-names.raw"
    disk.write_bytes(bytes(16 << 20))
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", str(tree), str(disk)], check=True)
    return disk
