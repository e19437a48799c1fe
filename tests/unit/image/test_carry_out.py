"""A plan is carried out where the guest's mounts say."""

from __future__ import annotations

from typing import cast

from imgtools.change.change import Move, Remove, WriteFile
from imgtools.change.describe import PlannedChange
from imgtools.change.plan import Plan
from imgtools.engine.api import WriteSession
from imgtools.files.subtree import Subtree
from imgtools.files.tree import GuestTree
from imgtools.filesystems.api import FilesystemWriter
from imgtools.image.carry_out import carry_out
from imgtools.records.disks import Mount, Volume
from imgtools.records.request import Engine
from tests.support.memory import MemoryWriter, memory_volume

FOLDER = "/ostree/deploy/x/deploy/0.0"


class OneVolume:
    """A session that writes to one filesystem in memory."""

    engine = Engine.MEMORY

    def __init__(self, writer: MemoryWriter) -> None:
        self.writer = writer

    def mount(self, volume: Volume, options: str = "") -> FilesystemWriter:
        return self.writer

    def finish(self) -> None:
        pass


def test_a_deployment_is_written_in_its_folder() -> None:
    """Not to the root of its volume: /etc/machine-id would be that of the physical root."""
    files = {f"{FOLDER}/etc/machine-id": "1\n", f"{FOLDER}/etc/b": "b", "/etc/machine-id": "2\n"}
    writer = MemoryWriter(files)
    mounts = (Mount("/", memory_volume(), inner=FOLDER),)
    tree = GuestTree({"/": Subtree(writer, FOLDER)}, Engine.MEMORY)
    changes = (Remove("/etc/machine-id"), WriteFile("/etc/a", b"x"), Move("/etc/b", "/etc/c"))
    plan = Plan(mounts, tuple(PlannedChange(one, "") for one in changes), files=tree)
    carry_out(cast(WriteSession, OneVolume(writer)), plan, tree)
    assert writer.lookup(f"{FOLDER}/etc/machine-id") is None
    assert writer.open(f"{FOLDER}/etc/a").read() == b"x"
    assert writer.open(f"{FOLDER}/etc/c").read() == b"b"
    assert writer.open("/etc/machine-id").read() == b"2\n"
