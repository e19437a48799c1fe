"""The door for programs, on real guests: the programs of docs/python.md, and what they promise."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import imgtools
from imgtools import errors
from imgtools.records.request import Engine
from tests.support.edits import beside, digest
from tests.support.fixtures import copy_fixture, fixture_disks, fixture_image
from tools import cookbook
from tools.cookbook import Program


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return copy_fixture("debian", tmp_path)[0]


@pytest.mark.parametrize("program", cookbook.programs(), ids=lambda program: program.name)
def test_programs_print_what_the_page_shows(program: Program) -> None:
    assert cookbook.run(program) == program.output, "if it is right, `make docs` writes it"


def test_the_page_has_ten_tasks_and_each_program_its_output() -> None:
    page = (cookbook.ROOT / cookbook.PAGE).read_text(encoding="utf-8")
    assert page.count("```python\n") == len(cookbook.programs()) >= 10


def test_nothing_prints(image: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    imgtools.info(image)
    imgtools.inspect(image)
    imgtools.df(image)
    imgtools.list_filesystems(image)
    imgtools.ls(image, "/etc", checksum="sha256")
    imgtools.find(image, "/etc", contains="root")
    imgtools.copy_out(image, "/etc/ssh", folder)
    imgtools.log(image)
    imgtools.list_logs(image)
    imgtools.config_get(image, "/etc/ssh/sshd_config/PermitRootLogin")
    imgtools.measure(image, "vmdk")
    imgtools.sysprep_verify(image)
    imgtools.copy_in(image, folder / "ssh", "/srv", write=True)
    imgtools.config_set(image, {"/etc/ssh/sshd_config/PermitRootLogin": "no"}, write=True)
    imgtools.customize(image, [("hostname", "web1")], write=True)
    imgtools.sysprep(image, disable="logfiles", settings={}, write=True)
    imgtools.create_snapshot(image, "now", write=True)
    imgtools.recover(image)
    imgtools.map(image, length="1M")
    imgtools.chain_show(image)
    imgtools.bitmap_add(image, "monday")
    imgtools.amend(image, options={"lazy_refcounts": "on"})
    imgtools.bench(image, count=1)
    imgtools.wipe(image)
    imgtools.dd(image, folder / "part.raw", count=1)
    imgtools.tar_out(image, "/etc/ssh", folder / "ssh.tar")
    imgtools.tar_in(image, folder / "ssh.tar", "/srv", write=True)
    imgtools.touch(image, "/etc/motd", time=0, write=True)
    imgtools.doctor(engine="direct")
    with pytest.raises(errors.NoSuchGuestFile):
        imgtools.cat(image, "/no/such")
    logging.getLogger("imgtools.test").warning("what a module logs is not shown by itself")
    assert capfd.readouterr() == ("", "")


def test_what_is_read_is_what_the_command_line_reads(image: Path) -> None:
    assert imgtools.cat(image, "/etc/hostname") == b"debian-fixture\n"
    with pytest.raises(errors.GuestFileTooBig):
        imgtools.cat(image, "/etc/passwd", limit=10)
    assert imgtools.config_get(image, "/etc/ssh/sshd_config/PermitRootLogin").values[0].value is not None
    names = [file.name for file in imgtools.ls(image, "/dev/../etc", engine="direct").files]
    assert "hostname" in names and names == sorted(names)
    disks = fixture_disks("multidisk")
    assert len(disks) > 1 and imgtools.df(list(disks)).images[0].engine is Engine.DIRECT


def test_a_dry_run_and_an_edit_without_commit_leave_the_image_as_it_was(image: Path) -> None:
    before = digest(image)
    planned = imgtools.write(image, "/etc/motd", b"new\n")
    assert planned.changes and planned.changed and not planned.written
    assert not imgtools.sysprep(image).written
    with imgtools.edit_image(image) as opened:
        guest = imgtools.the_guest(opened)
        opened.apply(imgtools.make_plan(opened, [imgtools.WriteFile("/etc/motd", b"new\n")], guest.mounts))
    with (
        pytest.raises(errors.EditConflict),
        imgtools.edit_image(image) as opened,
    ):
        mounts = imgtools.the_guest(opened).mounts
        twice = [imgtools.WriteFile("/etc/motd", b"a"), imgtools.WriteFile("/etc/motd", b"b")]
        imgtools.make_plan(opened, twice, mounts)
    assert digest(image) == before and beside(image) == set()


def test_changed_is_whether_there_was_something_to_do(image: Path, tmp_path: Path) -> None:
    edits = [imgtools.WriteFile("/etc/motd", b"new\n")]
    assert imgtools.apply(image, edits, write=True).changed
    assert not imgtools.apply(image, edits, write=True).changed
    report = imgtools.apply(image, edits, output=tmp_path / "new.qcow2")
    assert report.written and report.output and not report.changed


def test_what_would_stop_the_boot_is_refused_unless_one_insists(image: Path) -> None:
    line = "s/UUID=./UUID=z/"
    with pytest.raises(errors.EditFailed, match="is not in this image"):
        imgtools.edit(image, "/etc/fstab", line, write=True)
    with imgtools.open_image(image) as opened:
        guest = imgtools.the_guest(opened)
        broken = [imgtools.WriteFile("/etc/fstab", b"UUID=0 / ext4 defaults 0 1\n")]
        with pytest.raises(errors.EditFailed):
            imgtools.make_plan(opened, broken, guest.mounts, root=guest.root)
    assert imgtools.edit(image, "/etc/fstab", line, write=True, check=False).written


def test_a_plan_goes_through_a_file_and_is_refused_where_it_is_not_true(image: Path, tmp_path: Path) -> None:
    with imgtools.open_image(image) as opened:
        line = imgtools.EditLines("/etc/hosts", (imgtools.LineEdit(append="192.0.2.10 db"),))
        plan = imgtools.make_plan(opened, [line], imgtools.the_guest(opened).mounts)
        assert plan.changes and not imgtools.make_plan(opened, [], plan.mounts).changes
    path = tmp_path / "plan.json"
    imgtools.write_plan(plan, path)
    with pytest.raises(errors.HostError, match="cannot write the plan"):
        imgtools.write_plan(plan, tmp_path / "none" / "plan.json")
    assert imgtools.read_plan(path) == plan.plain
    assert imgtools.apply(image, path).changes == imgtools.apply(image, plan).changes == plan.changes
    imgtools.write(image, "/etc/hosts", b"127.0.0.1 localhost\n", write=True)
    with pytest.raises(errors.EditConflict):
        imgtools.apply(image, plan, write=True)


def test_an_edit_goes_to_a_new_image(image: Path, tmp_path: Path) -> None:
    before = digest(image)
    with imgtools.edit_image(image, output=tmp_path / "new.qcow2") as opened:
        guest = imgtools.the_guest(opened)
        opened.apply(imgtools.make_plan(opened, [imgtools.Truncate("/etc/machine-id")], guest.mounts))
        opened.commit()
    assert (opened.output, opened.written_by) == (str(tmp_path / "new.qcow2"), Engine.DIRECT)
    assert imgtools.cat(opened.output, "/etc/machine-id") == b"" and digest(image) == before


def test_many_threads_read_at_once() -> None:
    images = [fixture_image(name) for name in ("debian", "ubuntu", "windows")] * 3
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(lambda one: imgtools.inspect(one).guests[0].os.distro, images))
    assert found == ["debian", "ubuntu", "windows"] * 3


def test_a_disk_grows_and_goes_back(image: Path) -> None:
    size = imgtools.info(image).disks[0].virtual_size
    assert imgtools.resize_disk(image, "+64M").new_size == size + (64 << 20)
    imgtools.create_snapshot(image, "before", write=True)
    imgtools.write(image, "/etc/hostname", b"new\n", write=True)
    assert imgtools.cat(image, "/etc/hostname", snapshot="before") == b"debian-fixture\n"
    imgtools.apply_snapshot(image, "before", write=True)
    assert imgtools.cat(image, "/etc/hostname") == b"debian-fixture\n"
    imgtools.delete_snapshot(image, "before", write=True)
    assert imgtools.list_snapshots(image).snapshots == ()
