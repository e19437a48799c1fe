"""Encrypted volumes of every kind: what the direct engine decrypts is what the kernel reads, in the same words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

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
from tests.support.fixtures import fixture_image

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
