"""A plan is carried out where the guest's mounts say."""

from __future__ import annotations

from typing import cast

from imgtools.change.change import CheckFilesystem, Move, Remove, WriteDisk, WriteFile
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


class Mending(OneVolume):
    """A session that has a checker, and knows the bytes of disks."""

    def __init__(self) -> None:
        super().__init__(MemoryWriter({}))
        self.asked: list[object] = []

    def write_disk(self, device: str, offset: int, content: bytes, before: str) -> None:
        self.asked.append((device, offset, content, before))

    def mend(self, device: str, kind: str, *, force: bool) -> tuple[str, ...]:
        self.asked.append((device, kind, force))
        return ("Inode 12 was odd", "1 files are now in lost+found")


def test_what_a_checker_did_is_told_and_disks_are_written_without_a_mount() -> None:
    session, tree = Mending(), GuestTree({"/": MemoryWriter({})}, Engine.MEMORY)
    changes = (WriteDisk("/dev/sda", 512, b"x", "ab"), CheckFilesystem("/dev/sda1", "ext4"))
    plan = Plan((), tuple(PlannedChange(one, "") for one in changes), files=tree)
    written = carry_out(cast(WriteSession, session), plan, tree)
    assert session.asked == [("/dev/sda", 512, b"x", "ab"), ("/dev/sda1", "ext4", False)]
    assert [(one.path, one.text) for one in written.remarks] == [
        ("/dev/sda1", "Inode 12 was odd"),
        ("/dev/sda1", "1 files are now in lost+found"),
    ]
