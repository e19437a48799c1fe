"""Edits that are refused: the image stays as it was, and one line says why."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imgtools.cli.app import main
from imgtools.disk.transaction.lock import lock_images
from imgtools.errors import (
    BadImage,
    EditConflict,
    EditFailed,
    EngineFailed,
    HostError,
    ImageInUse,
    NoSuchGuestFile,
    UnsupportedFormat,
)
from tests.support.command import imgtools
from tests.support.cut import run_cut
from tests.support.edits import DIRECT, MOTD, beside, digest, plan_file, read
from tests.support.fixtures import copy_fixture
from tests.support.other_user import CAN_BECOME, NOBODY

# -- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("debian:vmdk-stream", UnsupportedFormat, "vmdk image cannot be edited in place"),
        ("debian:vhdx", UnsupportedFormat, "--output"),
        ("debian:vdi", UnsupportedFormat, "--output"),
        ("debian:qcow2-luks", UnsupportedFormat, "encrypted"),
        ("broken:qcow2-corrupt-bit", BadImage, "corrupt"),
    ],
)
def test_images_that_cannot_be_edited_say_so(
    name: str, error: type[BadImage | UnsupportedFormat], words: str, tmp_path: Path
) -> None:
    image = copy_fixture(name, tmp_path)[0]
    before = digest(image)
    key = tmp_path / "key"
    key.write_text("fixture")
    refused = imgtools(
        "apply", image, plan_file(tmp_path, MOTD), "--write", "--key", f"all:file:{key}", code=error.exit_code
    )
    assert words in refused.err
    assert digest(image) == before and beside(image) == set()


def test_a_second_imgtools_waits_its_turn(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    with lock_images([image]):
        refused = imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", code=ImageInUse.exit_code)
    assert "another imgtools is editing" in refused.err
    imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", *DIRECT)


def test_a_running_guests_disk_is_not_touched(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    with subprocess.Popen(
        ["qemu-io", "-f", "qcow2", image], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as guest:
        assert guest.stdin and guest.stdout
        guest.stdin.write(b"read 0 512\n")
        guest.stdin.flush()
        guest.stdout.readline()  # it has the image open now
        refused = imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", code=ImageInUse.exit_code)
        guest.communicate(b"quit\n")
    assert "shut the guest down" in refused.err
    assert digest(image) == before and beside(image) == set()


def test_libvirts_running_guest_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest without QEMU's locks, as other hypervisors run them."""
    image = copy_fixture("debian", tmp_path)[0]
    virsh = tmp_path / "virsh"
    virsh.write_text(
        f"#!/bin/sh\necho \"Domain: 'web'\"\necho '  block.count=1'\necho '  block.0.path={image}'\n"
    )
    virsh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("imgtools.disk.transaction.may_edit._LIBVIRT_SOCKETS", (str(virsh),))
    refused = imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", code=ImageInUse.exit_code)
    assert "running guest web" in refused.err


def test_an_image_with_two_names_is_not_edited_in_place(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    os.link(image, tmp_path / "other.qcow2")
    refused = imgtools("apply", image, plan_file(tmp_path, MOTD), "--write", code=HostError.exit_code)
    assert "2 names" in refused.err
    imgtools("apply", image, plan_file(tmp_path, MOTD), "--output", tmp_path / "new.qcow2", *DIRECT)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter and write to."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="imgtools-test-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


# We are one, or become one.
AS_ORDINARY_USER = CAN_BECOME if os.geteuid() == 0 else pytest.mark.skipif(False, reason="-")


def as_nobody(run: Callable[[], object], folder: Path) -> int:
    """Run in a child without root's rights; under an ordinary user, as that user."""

    def unprivileged() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            tempfile.tempdir = os.environ["TMPDIR"] = str(folder)  # root's own may be for root alone
        run()

    return run_cut(unprivileged, folder).code


@AS_ORDINARY_USER
def test_no_permission_is_told_before_anything_begins(shared: Path) -> None:
    image = copy_fixture("debian", shared)[0]
    image.chmod(0o444)
    plan = plan_file(shared, MOTD)
    assert as_nobody(lambda: main(["apply", str(image), str(plan), "--write"]), shared) == HostError.exit_code
    assert "no permission" in (shared / "output").read_text()


@AS_ORDINARY_USER
def test_an_ordinary_user_edits_too(shared: Path) -> None:
    image = copy_fixture("debian", shared)[0]
    image.chmod(0o666)
    changes = [
        *MOTD,
        {"kind": "set-xattr", "path": "/etc/motd", "name": "security.selinux", "value": "label"},
    ]
    plan = plan_file(shared, changes)
    code = as_nobody(lambda: main(["apply", str(image), str(plan), "--write", *DIRECT]), shared)
    assert code == 0, (shared / "output").read_text()
    assert read(image, "/etc/motd") == "changed\n"


# -- what the guest's files say --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"kind": "write-file", "path": "/no/such/file", "content": ""}, NoSuchGuestFile, "no such file"),
        ({"kind": "write-file", "path": "/etc", "content": ""}, NoSuchGuestFile, "is a directory"),
        ({"kind": "remove", "path": "/etc/nothing"}, NoSuchGuestFile, "no such file"),
        ({"kind": "remove", "path": "/srv"}, EditFailed, "not empty"),
        ({"kind": "move", "path": "/etc/hosts", "to": "/srv"}, EditFailed, "exists already"),
        ({"kind": "write-file", "path": "/srv/" + "n" * 256, "content": ""}, EditFailed, "not a name"),
        ({"kind": "upload", "path": "/srv/big", "host_path": "big"}, EditFailed, "no room left"),
    ],
)
def test_what_cannot_be_done_leaves_the_image_as_it_was(
    change: dict[str, object], error: type[EditFailed], words: str, tmp_path: Path
) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    with (tmp_path / "big").open("wb") as file:
        if words == "no room left":
            for _ in range(800):  # no hole, which would take none
                file.write(b"x" * (1 << 20))
    plan = plan_file(tmp_path, [*MOTD, change])
    refused = imgtools("apply", image, plan, "--write", *DIRECT, code=error.exit_code)
    assert words in refused.err
    assert digest(image) == before and beside(image) == set()


def test_contradictions_are_found_before_the_image_is_opened_for_writing(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    before = digest(image)
    changes = [*MOTD, {"kind": "remove", "path": "/etc/motd"}]
    for words in ((), ("--write",)):
        imgtools("apply", image, plan_file(tmp_path, changes), *words, *DIRECT, code=EditConflict.exit_code)
    assert digest(image) == before


@pytest.mark.parametrize("name", ["broken:ntfs-dirty", "broken:ntfs-hibernated", "broken:ext4-dirty"])
def test_dirty_filesystems_are_not_written_directly(name: str, tmp_path: Path) -> None:
    image = copy_fixture(name, tmp_path)[0]
    before = digest(image)
    path = "/Windows/x" if "ntfs" in name else "/etc/motd"
    plan = plan_file(tmp_path, [{"kind": "write-file", "path": path, "content": "x"}])
    refused = imgtools("apply", image, plan, "--write", *DIRECT, code=None)
    assert refused.code not in (0, 70) and refused.err.count("imgtools:") == 1
    assert digest(image) == before and beside(image) == set()


def test_damage_that_was_there_before_is_not_blamed_on_the_edit(tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", image], check=True)
    subprocess.run(
        ["debugfs", "-w", "-R", "set_inode_field <11> links_count 7", image], check=True, capture_output=True
    )
    before = digest(image)
    plan = plan_file(tmp_path, [{"kind": "write-file", "path": "/x", "content": "x"}])
    refused = imgtools("apply", image, plan, "--write", code=EditFailed.exit_code)
    assert "was not in order before the edit" in refused.err
    assert digest(image) == before and beside(image) == set()


def test_the_engine_that_was_asked_for_says_what_it_cannot(tmp_path: Path) -> None:
    image = copy_fixture("debian", tmp_path)[0]
    plan = plan_file(tmp_path, [{"kind": "run-in-guest", "script": "true"}])
    refused = imgtools("apply", image, plan, "--write", *DIRECT, code=EngineFailed.exit_code)
    assert "only the appliance" in refused.err
