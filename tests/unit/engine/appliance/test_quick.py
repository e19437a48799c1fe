"""When the quick copy of the appliance is used, made, and given up. Nothing boots here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.appliance import quick

pytestmark = pytest.mark.host

ORIGINAL = b"#!/bin/bash\necho libguestfs\n"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An appliance as supermin leaves it, tiny; and a supermin that finds it current."""
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LIBGUESTFS_PATH", raising=False)
    monkeypatch.setattr(quick, "KNOWN", {hashlib.sha256(ORIGINAL).hexdigest()})
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "supermin").write_text("#!/bin/sh\nexit 0\n")
    (programs / "supermin").chmod(0o755)
    parts = tmp_path / "lib" / "x" / "guestfs" / "supermin.d"
    parts.mkdir(parents=True)
    monkeypatch.setattr(quick, "SUPERMIN", tmp_path / "lib")
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return make_appliance(quick.appliance_folder() / "appliance.d", ORIGINAL)


def make_appliance(folder: Path, init: bytes) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    tree = folder / "tree"
    tree.mkdir(parents=True)
    (tree / "init").write_bytes(init)
    root = folder / "root"
    with root.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", tree, root], check=True)
    (folder / "kernel").write_bytes(b"kernel")
    parts = folder / "parts"
    parts.mkdir()
    for name in ("init", "virtio.ko", "virtio_net.ko", "virtio_scsi.ko"):
        (parts / name).write_text(name)
    (parts / "modules").write_text("virtio.ko\nvirtio_net.ko\nvirtio_scsi.ko\n")
    names = "\n".join(path.name for path in parts.iterdir()).encode()
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], input=names, cwd=parts, check=True, capture_output=True
    )
    (folder / "initrd").write_bytes(archive.stdout)
    return folder


def content(copy: Path, path: str) -> bytes:
    return subprocess.run(
        ["debugfs", "-R", f"cat {path}", copy / "root"], check=True, capture_output=True
    ).stdout


def test_the_copy_differs_in_one_file_and_keeps_the_other_beside_it(built: Path) -> None:
    copy = quick.quick_appliance()
    assert copy is not None and copy.parent.stat().st_mode & 0o777 == 0o700
    assert content(copy, "/init") == quick.INIT.read_bytes()
    assert content(copy, "/init.assemble") == quick.ASSEMBLE.read_bytes()
    assert content(copy, "/init.libguestfs") == ORIGINAL
    assert content(built, "/init") == ORIGINAL
    subprocess.run(["e2fsck", "-fn", copy / "root"], check=True, capture_output=True)
    assert (copy / "README.fixed").exists()
    assert [path.name for path in copy.parent.iterdir() if path.name.startswith("making")] == []
    assert quick.quick_appliance() == copy


def test_drivers_of_devices_that_are_not_there_are_not_loaded(built: Path, tmp_path: Path) -> None:
    copy = quick.quick_appliance()
    assert copy is not None
    subprocess.run(
        ["cpio", "-idm", "--quiet"], input=(copy / "initrd").read_bytes(), cwd=tmp_path, check=True
    )
    assert (tmp_path / "modules").read_text() == "virtio.ko\nvirtio_scsi.ko\n"
    assert (tmp_path / "virtio_scsi.ko").read_text() == "virtio_scsi.ko"
    assert not (tmp_path / "virtio_net.ko").exists()


def test_an_appliance_that_was_built_anew_gets_a_new_copy(built: Path) -> None:
    first = quick.quick_appliance()
    (built.parent / "keep").write_bytes((built / "root").read_bytes())  # its inode is not used again
    (built / "root").rename(built.parent / "old")
    (built.parent / "keep").rename(built / "root")
    second = quick.quick_appliance()
    assert first is not None and second is not None and second != first
    assert first.exists()  # another imgtools may be using it


def test_copies_that_nobody_uses_go_after_a_day(built: Path) -> None:
    first = quick.quick_appliance()
    assert first is not None
    os.utime(first, (0, 0))
    (built / "kernel").write_bytes(b"another kernel")
    assert quick.quick_appliance() != first
    assert not first.exists()


def test_what_is_missing_is_made_again(built: Path) -> None:
    copy = quick.quick_appliance()
    assert copy is not None
    (copy / "kernel").unlink()
    assert quick.quick_appliance() == copy and (copy / "kernel").exists()


def test_an_init_that_nobody_knows_is_left_alone(built: Path) -> None:
    make_appliance(built, b"#!/bin/sh\nanother version\n")
    assert quick.quick_appliance() is None


def test_a_copy_that_never_starts_is_not_tried_for_ever(built: Path) -> None:
    copy = quick.quick_appliance()
    assert copy is not None
    for _ in range(quick.MOST_FAILURES):
        assert quick.quick_appliance() == copy
        quick.note_failure(copy)
    assert quick.quick_appliance() is None


def test_a_copy_that_starts_has_all_its_tries_again(built: Path) -> None:
    copy = quick.quick_appliance()
    assert copy is not None
    for _ in range(2 * quick.MOST_FAILURES):
        quick.note_failure(copy)
        quick.forget_failures(copy)
    assert quick.quick_appliance() == copy


@pytest.mark.parametrize("variable", [("LIBGUESTFS_PATH", "/somewhere"), ("IMGTOOLS_APPLIANCE", "plain")])
def test_who_chooses_an_appliance_gets_it(
    built: Path, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]
) -> None:
    monkeypatch.setenv(*variable)
    assert quick.quick_appliance() is None


def test_a_folder_that_others_can_write_to_is_not_used(built: Path) -> None:
    folder = quick.appliance_folder().parent / f".imgtools-{quick.os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    assert quick.quick_appliance() is None


def test_before_the_first_launch_there_is_nothing_to_copy(built: Path) -> None:
    shutil.rmtree(built)
    assert quick.quick_appliance() is None
