"""Encrypted volumes of every kind: what the direct engine decrypts is what the kernel reads, in the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.engine.direct.session import DirectSession
from imgtools.engine.qemu.block import serve_disk
from imgtools.files.tree import GuestTree
from imgtools.records.disks import Declined, Volume
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine, Key, Secret
from tests.integration.conftest import LUKS_KINDS, Attached
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.luks import CHEAP, KEY, format_luks
from tests.support.volumes import make_ext

pytestmark = pytest.mark.appliance
NOT_DIRECT = 11  # serpent in LUKS2


@pytest.fixture(scope="module")
def direct() -> Iterator[DirectSession]:
    with serve_disk(examine(DiskSource(fixture_image("luks-kinds")))) as server:
        session = DirectSession([server], [Key("all", Secret(b"fixture"))])
        yield session
        session.close()


def inner(volumes: tuple[Volume, ...], outer: str) -> Volume:
    return next(one for one in volumes if one.parents == (outer,))


def told(session: object, volume: Volume, engine: Engine) -> list[tuple[object, ...]]:
    """Everything of every file, contents too."""
    mounted = session.mount(volume)  # type: ignore[attr-defined]
    assert not isinstance(mounted, Declined), mounted
    tree = GuestTree({"/": mounted}, engine)
    found = []
    for one in tree.walk("/"):
        stat, content = one.stat, b""
        if stat.kind is FileKind.FILE:
            with tree.open(one.path) as stream:
                content = stream.read()
        digest = hashlib.sha256(content).hexdigest()
        link = tree.read_link(one.path) if stat.kind is FileKind.LINK else ""
        found.append((one.path, stat.kind, stat.size, stat.mode, stat.mtime, stat.inode, link, digest))
    return found


@pytest.mark.parametrize("number", range(1, LUKS_KINDS + 1))
def test_both_engines_read_the_same(attached: Attached, direct: DirectSession, number: int) -> None:
    outer = f"{attached.devices['luks-kinds']}{number}"
    theirs = inner(attached.session.layout().volumes, outer)
    kernel = told(attached.session, theirs, Engine.APPLIANCE)
    assert len(kernel) >= 4
    if number == NOT_DIRECT:
        reasons = {one.what: one.reason for one in direct.layout().unread}
        assert "'serpent-xts-plain64' is decrypted by the appliance only" in reasons[f"/dev/sda{number}"]
        return
    ours = inner(direct.layout().volumes, f"/dev/sda{number}")
    assert (ours.device, ours.size, ours.content, ours.uuid, ours.label) == (
        theirs.device, theirs.size, theirs.content, theirs.uuid, theirs.label
    )  # fmt: skip
    assert told(direct, ours, Engine.DIRECT) == kernel


def test_a_header_elsewhere_reaches_the_appliance(tmp_path: Path) -> None:
    """One in a file and one on a disk; both are opened there, and read as without a boot."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "hello").write_text("hello\n")
    inner = make_ext(tmp_path / "inner", tmp_path / "tree", "-t", "ext4", size=8 << 20).read_bytes()
    for name in ("a", "b"):
        uuid = f"d0d0d0d0-0041-4000-8000-0000000000{name}0"
        format_luks(
            tmp_path / f"{name}.img", inner, *CHEAP, "--uuid", uuid, header=tmp_path / f"{name}.header"
        )
    key = tmp_path / "key"
    key.write_bytes(KEY)
    header = tmp_path / "b.header"
    words = (tmp_path / "a.img", "-a", tmp_path / "b.img", "-a", header, "--key", f"all:file:{key}")
    words += ("--luks-header", f"/dev/sda:file:{tmp_path / 'a.header'}")
    words += ("--luks-header", "/dev/sdb:device:/dev/sdc")
    rows = {}
    for engine in ("direct", "appliance"):
        ran = imgtools("filesystems", *words, "--engine", engine, "--json")
        rows[engine] = [(one["device"], one["content"], one["uuid"]) for one in ran.data["filesystems"]]
    assert sorted(rows["appliance"]) == sorted(rows["direct"])
    assert sum(device.startswith("/dev/mapper/luks-") for device, _, _ in rows["appliance"]) == 2
