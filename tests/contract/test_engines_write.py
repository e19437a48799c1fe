"""The same plan, carried out directly and by the appliance, leaves the same files.

One boot for all of it: the disks of several fixtures are edited as one guest, with a volume of every kind mounted.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from imgtools.change.change import (
    Change,
    MakeDirectory,
    MakeHardLink,
    MakeLink,
    MakeSpecial,
    Move,
    NewLvmUuids,
    Remove,
    RunInGuest,
    SetMode,
    SetOwner,
    SetTimes,
    SetUuid,
    SetXattr,
    Truncate,
    Upload,
    WriteFile,
)
from imgtools.files.tree import GuestTree
from imgtools.guest.plan import make_plan
from imgtools.image.edit import ImageEdit, edit_image
from imgtools.image.handle import Image, open_image
from imgtools.records.disks import Mount
from imgtools.records.files import FileKind
from imgtools.records.image import DiskSource
from imgtools.records.request import Engine
from tests.support.fixtures import copy_fixture

SECONDS = 10**9
MOMENT = 1_500_000_000 * SECONDS + 123_456_700
FIXTURES = ("debian", "windows", "fat", "rocky", "opensuse")
BOTH = ("", "/ntfs", "/fat")  # what both engines write
UNIX = ("", "/xfs", "/btrfs")


def plan_for_all(top: str, large: Path) -> list[Change]:
    """What every filesystem can hold."""
    return [
        MakeDirectory(f"{top}/made/deep/er"),
        WriteFile(f"{top}/made/small.txt", b"small\n"),
        WriteFile(f"{top}/made/empty", b""),
        Upload(f"{top}/made/deep/large", large, large.stat().st_size),
        WriteFile(f"{top}/made/short.txt", b"longer than what comes then"),
        Move(f"{top}/made/short.txt", f"{top}/made/deep/er/moved.txt"),
        WriteFile(f"{top}/made/gone", b"x"),
        SetTimes(f"{top}/made/small.txt", mtime=MOMENT),
    ]


def plan_for_unix(top: str) -> list[Change]:
    """What only filesystems with owners and modes can hold."""
    return [
        MakeDirectory(f"{top}/made/unix", 0o2775, 5, 6),
        WriteFile(f"{top}/made/unix/program", b"#!/bin/sh\n", mode=0o4755, uid=100_000, gid=7),
        SetXattr(f"{top}/made/unix/program", "user.note", b"\0binary"),
        SetXattr(
            f"{top}/made/unix/program", "security.capability", bytes.fromhex("0100000200040000" + "00" * 12)
        ),
        MakeLink(f"{top}/made/unix/link", "program"),
        SetOwner(f"{top}/made/unix/link", 8, 9),
        SetTimes(f"{top}/made/unix/link", mtime=MOMENT + 89),
        MakeHardLink(f"{top}/made/unix/second", f"{top}/made/unix/program"),
        MakeSpecial(f"{top}/made/unix/null", "c", (1, 3), 0o666),
        MakeSpecial(f"{top}/made/unix/fifo", "p", mode=0o600, uid=3),
        WriteFile(f"{top}/made/unix/caf\udce9", b"not UTF-8"),
        MakeDirectory(f"{top}/made/unix/inner"),
        WriteFile(f"{top}/made/unix/inner/file", b"1"),
        SetMode(f"{top}/made/unix/inner", 0o700, recursive=True),
        SetTimes(f"{top}/made/unix", mtime=MOMENT),
    ]


def second_plan(top: str) -> list[Change]:
    """Changes of what the first plan has made."""
    return [
        WriteFile(f"{top}/made/small.txt", b"another content\n"),
        Truncate(f"{top}/made/deep/er/moved.txt"),
        Remove(f"{top}/made/gone"),
        Remove(f"{top}/made/deep/large"),
    ]


def second_unix_plan(top: str) -> list[Change]:
    return [
        WriteFile(f"{top}/made/unix/program", b"#!/bin/bash\n"),  # keeps its mode, owner and attributes
        Remove(f"{top}/made/unix/inner", recursive=True),
        Move(f"{top}/made/unix/fifo", f"{top}/made/fifo"),
    ]


def facts(files: GuestTree, top: str, *, unix: bool) -> dict[str, tuple[object, ...]]:
    """Everything that can be said of what was made."""
    found: dict[str, tuple[object, ...]] = {}
    for one in files.walk(f"{top}/made"):
        stat, path = one.stat, one.path
        said: list[object] = [stat.kind]
        if stat.kind is FileKind.FILE:
            said.append(files.read_bytes(path))
        if unix:
            said += [stat.mode, stat.uid, stat.gid, stat.links, stat.device]
            labels = dict(files.xattrs(path))
            labels.pop("security.selinux", None)  # the appliance's kernel gives none; a guest's policy would
            said.append(labels)
        if stat.kind is FileKind.LINK:
            said[1:2] = [files.read_link(path)]
        if stat.mtime // SECONDS == MOMENT // SECONDS:
            said.append(stat.mtime)
        found[path.removeprefix(top)] = tuple(said)
    return found


class Edited:
    """All fixtures after both engines have made their edits."""

    def __init__(self, folder: Path) -> None:
        self.large = folder / "large"
        self.large.write_bytes(bytes(range(256)) * 12_000)
        self.disks: dict[Engine, list[Path]] = {}
        for engine in (Engine.DIRECT, Engine.APPLIANCE):
            place = folder / engine.value
            place.mkdir()
            self.disks[engine] = [disk for name in FIXTURES for disk in copy_fixture(name, place)]
        self.btrfs: dict[str, tuple[object, ...]] = {}
        self._edit(Engine.DIRECT, BOTH, ("",))
        self._edit(Engine.APPLIANCE, (*BOTH, "/xfs", "/btrfs"), UNIX)

    def _edit(self, engine: Engine, tops: Sequence[str], unix: Sequence[str]) -> None:
        sources = [DiskSource(path) for path in self.disks[engine]]
        with edit_image(sources, engine=engine) as image:
            mounts = mounts_of(image, tops)
            first = [one for top in tops for one in plan_for_all(top, self.large)]
            image.apply(
                make_plan(image, [*first, *(one for top in unix for one in plan_for_unix(top))], mounts)
            )
            second = [one for top in tops for one in second_plan(top)]
            image.apply(
                make_plan(image, [*second, *(one for top in unix for one in second_unix_plan(top))], mounts)
            )
            assert image.written_by is engine
            if engine is Engine.APPLIANCE:
                self.btrfs = facts(image.files(mounts), "/btrfs", unix=True)
                self._only_booted(image, mounts)
            image.commit()

    def _only_booted(self, image: ImageEdit, mounts: Sequence[Mount]) -> None:
        program = RunInGuest("echo ran > /from-guest; pwd >> /from-guest")
        image.apply(make_plan(image, [*shell_for_guest(), program], mounts))
        swap = next(volume for volume in image.layout().volumes if volume.content == "swap")
        uuids = [
            SetUuid(swap.device, "11111111-2222-4333-8444-555555555555"),
            NewLvmUuids((image.layout().vgs[0].name,)),
        ]
        image.apply(make_plan(image, uuids, mounts))

    def facts(self, engine: Engine, top: str, *, unix: bool) -> dict[str, tuple[object, ...]]:
        with self.open(engine) as image:
            return facts(image.files(mounts_of(image, [*BOTH, "/xfs"])), top, unix=unix)

    def open(self, engine: Engine):  # type: ignore[no-untyped-def]
        return open_image([DiskSource(path) for path in self.disks[engine]], engine=Engine.DIRECT)


def mounts_of(image: Image, tops: Sequence[str]) -> tuple[Mount, ...]:
    """A volume of every kind, where the tests want it."""
    volumes = image.layout().volumes
    wanted = {
        "": lambda volume: volume.label == "debian-root",
        "/ntfs": lambda volume: (
            volume.content == "ntfs"
            and volume.size == max(one.size for one in volumes if one.content == "ntfs")
        ),
        "/fat": lambda volume: volume.content == "vfat" and volume.holder.value == "disk",
        "/xfs": lambda volume: volume.content == "xfs" and volume.device.endswith("/root"),
        "/btrfs": lambda volume: volume.content == "btrfs" and volume.holder.value != "subvolume",
    }
    return tuple(Mount(top or "/", next(filter(wanted[top], volumes))) for top in tops)


def shell_for_guest() -> list[Change]:
    """This host's dash with its libraries: the fixture's own programs are empty."""
    told = subprocess.run(["ldd", "/bin/dash"], check=True, capture_output=True, text=True).stdout
    libraries = {word for line in told.splitlines() for word in line.split() if word.startswith("/")}
    files = {"/bin/sh": Path("/bin/dash")} | {path: Path(path) for path in libraries}
    changes: list[Change] = []
    for path, host_path in files.items():
        changes.append(MakeDirectory(path.rpartition("/")[0]))
        changes.append(Upload(path, host_path, host_path.stat().st_size, mode=0o755))
    return changes


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    yield Edited(tmp_path_factory.mktemp("edited"))


pytestmark = pytest.mark.appliance


@pytest.mark.parametrize("top", BOTH)
def test_both_engines_leave_the_same_files(edited: Edited, top: str) -> None:
    direct = edited.facts(Engine.DIRECT, top, unix=not top)
    assert len(direct) >= (12 if not top else 6)
    assert edited.facts(Engine.APPLIANCE, top, unix=not top) == direct


def test_xfs_and_btrfs_hold_what_ext4_holds(edited: Edited) -> None:
    ext4 = edited.facts(Engine.DIRECT, "", unix=True)
    xfs = edited.facts(Engine.APPLIANCE, "/xfs", unix=True)

    def without_directory_links(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
        # btrfs counts no subdirectories in a directory's links.
        return {
            path: said[:4] + said[5:] if said[0] is FileKind.DIRECTORY else said
            for path, said in found.items()
        }

    assert xfs == ext4
    assert without_directory_links(edited.btrfs) == without_directory_links(ext4)


def test_what_ran_in_the_guest_has_left_its_file_and_nothing_else(edited: Edited) -> None:
    with edited.open(Engine.APPLIANCE) as image:
        files = image.files(mounts_of(image, [""]))
        assert files.read_bytes("/from-guest") == b"ran\n/\n"
        assert not list(files.glob("/run/imgtools*"))
        layout = image.layout()
    assert any(volume.uuid == "11111111-2222-4333-8444-555555555555" for volume in layout.volumes)
    with edited.open(Engine.DIRECT) as image:
        before = {pv.uuid for pv in image.layout().pvs if pv.vg} | {vg.uuid for vg in image.layout().vgs}
    after = {pv.uuid for pv in layout.pvs if pv.vg} | {vg.uuid for vg in layout.vgs}
    assert not before & after
