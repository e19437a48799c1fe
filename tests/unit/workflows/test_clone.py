"""Cloning a small guest with the direct engine, and what is refused before anything is made."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.transaction.lock import lock_images
from imgtools.errors import (
    EditConflict,
    ImageInUse,
    NoGuest,
    NotInGuest,
    TargetExists,
    UnsupportedGuest,
    UsageError,
)
from imgtools.image.handle import open_request
from imgtools.libvirt.clone import may_share
from imgtools.ops.selection import Selection
from imgtools.records.image import DiskSource
from imgtools.records.lvm import PhysicalVolume
from imgtools.records.request import Backing, Engine, ImageRequest, Target
from imgtools.workflows.cat import read_files
from imgtools.workflows.clone import CloneRequest, clone
from imgtools.workflows.clone_table import CloneRow
from imgtools.workflows.sysprep import prepare, verify
from tests.support.fixtures import copy_fixture

KEY = "root:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome web2"


def template(folder: Path) -> ImageRequest:
    (disk,) = copy_fixture("debian", folder)
    return ImageRequest((DiskSource(disk),), engine=Engine.DIRECT)


def content(image: Path, path: str) -> bytes:
    request = ImageRequest((DiskSource(image),), engine=Engine.DIRECT, backing=Backing.ANY)
    return b"".join(read_files(request, [path]))


def physical_volumes(image: Path) -> tuple[PhysicalVolume, ...]:
    request = ImageRequest((DiskSource(image),), engine=Engine.DIRECT, backing=Backing.ANY)
    with open_request(request) as opened:
        return opened.layout().pvs


WAYS = [("linked", True, "qcow2"), ("copied", False, "qcow2"), ("raw", False, "raw")]


@pytest.mark.host
@pytest.mark.parametrize(("way", "linked", "format"), WAYS)
def test_each_clone_has_its_own_name_and_key(tmp_path: Path, way: str, linked: bool, format: str) -> None:
    request = template(tmp_path)
    before = request.host_path.read_bytes()
    (folder := tmp_path / "clones").mkdir()
    rows = [CloneRow("web1"), CloneRow("web2", "db.example.org", ssh_keys=(KEY,))]
    how = CloneRequest(folder, linked, format, hostname="{name}.lan", unprepared=True)
    report = clone(request, rows, how)
    first, second = (Path(one.paths[0]) for one in report.clones)
    assert content(first, "/etc/hostname") == b"web1.lan\n"
    assert content(second, "/etc/hostname") == b"db.example.org\n"
    assert KEY.partition(":")[2].encode() in content(second, "/root/.ssh/authorized_keys")
    assert request.host_path.read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [f"web1.{format}", f"web2.{format}"]
    info = examine(DiskSource(first), policy=Backing.ANY)
    assert (info.format, len(info.chain)) == (format, 2 if linked else 1)
    assert [one.hostname for one in report.clones] == ["web1.lan", "db.example.org"]
    assert [one.text.partition(" in ")[0] for one in report.warnings] == ["the clones name files"] * linked


@pytest.mark.host
@pytest.mark.parametrize(("linked", "mode"), [(True, 0o600), (False, 0o400)])
def test_nobody_reads_a_clone_who_could_not_read_the_template(
    tmp_path: Path, linked: bool, mode: int
) -> None:
    request = template(tmp_path)
    request.host_path.chmod(mode)
    clone(request, [CloneRow("web1")], CloneRequest(tmp_path, linked, unprepared=True))
    assert (tmp_path / "web1.qcow2").stat().st_mode & 0o777 == 0o600


@pytest.mark.host
def test_a_linked_clone_beside_its_template_moves_with_it(tmp_path: Path) -> None:
    (folder := tmp_path / "before").mkdir()
    request = template(folder)
    clone(request, [CloneRow("web1")], CloneRequest(folder, linked=True, unprepared=True))
    folder.rename(tmp_path / "after")
    moved = ImageRequest((DiskSource(tmp_path / "after" / "web1.qcow2"),), engine=Engine.DIRECT)
    assert b"".join(read_files(moved, ["/etc/hostname"])) == b"web1\n"


@pytest.mark.host
@pytest.mark.parametrize("linked", [True, False])
def test_what_is_cloned_is_prepared_and_the_template_stays(tmp_path: Path, linked: bool) -> None:
    request = template(tmp_path)
    before = request.host_path.read_bytes()
    how = CloneRequest(tmp_path, linked, sysprep=Selection())
    report = clone(request, [CloneRow("web1"), CloneRow("web2", ssh_keys=(KEY,))], how)
    assert request.host_path.read_bytes() == before
    for one in report.clones:
        made = ImageRequest((DiskSource(Path(one.paths[0])),), engine=Engine.DIRECT)
        left = verify(made, Selection(enable=("ssh-hostkeys", "machine-id", "bash-history", "logfiles"))).left
        assert left == ()
        assert content(made.host_path, "/etc/hostname").decode() == f"{one.name}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debian.qcow2", "web1.qcow2", "web2.qcow2"]
    # A template that sysprep has worked on needs nothing more.
    prepare(request, Target(write=True), Selection())
    clone(request, [CloneRow("web3")], CloneRequest(tmp_path, linked))


@pytest.mark.host
def test_no_two_clones_share_the_uuid_of_a_physical_volume(tmp_path: Path) -> None:
    (disk,) = copy_fixture("lvm", tmp_path)
    request = ImageRequest((DiskSource(disk),), engine=Engine.DIRECT)
    how = CloneRequest(tmp_path, linked=True, hostname="", sysprep=Selection(enable=("lvm-uuids",)))
    report = clone(request, [CloneRow("web1"), CloneRow("web2")], how)
    uuids = [
        pv.uuid
        for path in (disk, *(one.paths[0] for one in report.clones))
        for pv in physical_volumes(Path(path))
    ]
    assert len(uuids) == 6 and len(set(uuids)) == 6


@pytest.mark.host
def test_all_disks_of_a_template_are_cloned(tmp_path: Path) -> None:
    disks = copy_fixture("multidisk", tmp_path)
    request = ImageRequest(tuple(DiskSource(disk) for disk in disks), engine=Engine.DIRECT)
    (folder := tmp_path / "clones").mkdir()
    (one,) = clone(request, [CloneRow("web1")], CloneRequest(folder, linked=True, unprepared=True)).clones
    names = ["web1.qcow2", *(f"web1-{number}.qcow2" for number in range(2, len(disks) + 1))]
    assert [Path(path).name for path in one.paths] == names
    made = ImageRequest(
        tuple(DiskSource(Path(path)) for path in one.paths), engine=Engine.DIRECT, backing=Backing.ANY
    )
    assert b"".join(read_files(made, ["/etc/hostname"])) == b"web1\n"


@pytest.mark.host
def test_blocks_are_shared_where_the_host_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, real = [], fcntl.ioctl

    def ioctl(new: int, number: int, old: int, *more: bool) -> int:
        """What FICLONE does, as far as one can see it from outside."""
        if number != 0x40049409:
            return real(new, number, old, *more)
        shared.append(os.sendfile(new, old, 0, os.fstat(old).st_size))
        return 0

    monkeypatch.setattr("imgtools.libvirt.clone.fcntl.ioctl", ioctl)
    request = template(tmp_path)
    (folder := tmp_path / "clones").mkdir()
    (one,) = clone(request, [CloneRow("web1")], CloneRequest(folder, unprepared=True)).clones
    assert shared == [request.host_path.stat().st_size]
    assert content(Path(one.paths[0]), "/etc/hostname") == b"web1\n"
    assert len(examine(DiskSource(Path(one.paths[0])), policy=Backing.NONE).chain) == 1


@pytest.mark.host
def test_snapshots_of_the_template_are_not_handed_out(tmp_path: Path) -> None:
    request = template(tmp_path)
    subprocess.run(["qemu-img", "snapshot", "-c", "used", request.host_path], check=True)
    info = examine(request.disks[0], policy=Backing.NONE)
    assert not may_share(info, "qcow2")
    (one,) = clone(request, [CloneRow("web1")], CloneRequest(tmp_path, unprepared=True)).clones
    assert not examine(DiskSource(Path(one.paths[0])), policy=Backing.NONE).snapshots


@pytest.mark.host
def test_a_template_that_was_never_prepared_is_refused(tmp_path: Path) -> None:
    request = template(tmp_path)
    with pytest.raises(UnsupportedGuest, match="not prepared as a template; left are"):
        clone(request, [CloneRow("web1")], CloneRequest(tmp_path))
    assert not (tmp_path / "web1.qcow2").exists()


@pytest.mark.host
def test_one_bad_clone_and_none_is_made(tmp_path: Path) -> None:
    request = template(tmp_path)
    how = CloneRequest(tmp_path, linked=True, unprepared=True)
    key = "nobody-here:" + KEY.partition(":")[2]
    rows = [CloneRow("web1"), CloneRow("web2", ssh_keys=(key,), place="t.csv, line 3: ")]
    with pytest.raises(NotInGuest, match=r"t\.csv, line 3: the guest has no user 'nobody-here'"):
        clone(request, rows, how)
    (tmp_path / "web2.qcow2").write_bytes(b"mine")
    with pytest.raises(TargetExists):
        clone(request, [CloneRow("web1"), CloneRow("web2")], how)
    assert (tmp_path / "web2.qcow2").read_bytes() == b"mine"
    assert not (tmp_path / "web1.qcow2").exists()


@pytest.mark.host
def test_a_template_that_changes_meanwhile_is_not_cloned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = template(tmp_path)
    monkeypatch.setattr(
        "imgtools.workflows.clone.relink_node", lambda *_: os.utime(request.host_path, (0, 0))
    )
    with pytest.raises(EditConflict, match="while it was cloned"):
        clone(request, [CloneRow("web1")], CloneRequest(tmp_path, linked=True, unprepared=True))
    assert [path.name for path in tmp_path.iterdir()] == ["debian.qcow2"]


@pytest.mark.host
def test_a_template_that_is_being_edited_is_refused(tmp_path: Path) -> None:
    request = template(tmp_path)
    with lock_images([request.host_path]), pytest.raises(ImageInUse, match="is editing"):
        clone(request, [CloneRow("web1")], CloneRequest(tmp_path, linked=True, unprepared=True))


@pytest.mark.parametrize("names", [["a", "a"], ["../a"], ["-a"], [""]])
def test_names_are_file_names_and_each_comes_once(tmp_path: Path, names: list[str]) -> None:
    request = ImageRequest((DiskSource(tmp_path / "none.img"),))
    with pytest.raises(UsageError):
        clone(request, [CloneRow(name) for name in names], CloneRequest(tmp_path))


def test_two_clones_do_not_share_a_file(tmp_path: Path) -> None:
    request = ImageRequest((DiskSource(tmp_path / "a.img"), DiskSource(tmp_path / "b.img")))
    with pytest.raises(UsageError, match=r"a-2 and a would both be a-2\.qcow2"):
        clone(request, [CloneRow("a"), CloneRow("a-2")], CloneRequest(tmp_path))


@pytest.mark.host
def test_machines_of_the_same_host_name_are_told(tmp_path: Path) -> None:
    request = template(tmp_path)
    how = CloneRequest(tmp_path, linked=True, hostname="web", unprepared=True)
    report = clone(request, [CloneRow("a"), CloneRow("b")], how)
    assert [one.text for one in report.warnings] == ["2 clones have the host name web"]


@pytest.mark.host
def test_a_disk_without_a_guest_is_copied_as_it_is(tmp_path: Path) -> None:
    (disk := tmp_path / "data.raw").write_bytes(bytes(range(256)) * 4096)
    request = ImageRequest((DiskSource(disk, "raw"),))
    with pytest.raises(NoGuest):
        clone(request, [CloneRow("a")], CloneRequest(tmp_path, unprepared=True))
    clone(request, [CloneRow("a")], CloneRequest(tmp_path, format="raw", hostname="", unprepared=True))
    assert (tmp_path / "a.raw").read_bytes() == disk.read_bytes()
