"""The sweep takes away what killed runs have left, and nothing else."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.engine import held_folder
from imgtools.engine.held_folder import (
    HALF,
    LOCK,
    OLD,
    PREFIX,
    HeldFolder,
    HostMount,
    host_mounts,
    mounts_below,
    sweep,
    take_away,
)


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program may be started."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(held_folder, "run", refuse)


def left(name: str = "left") -> Path:
    """A folder as a killed run leaves it."""
    folder = HeldFolder()
    folder.let_go()
    for file in ("nbd", "part0.raw"):
        (folder.path / file).touch()
    (folder.path / "m").mkdir()
    return folder.path.rename(folder.path.with_name(PREFIX + name))


@pytest.mark.usefixtures("no_program")
def test_what_nobody_holds_is_swept_and_what_somebody_holds_is_not(temporary: Path) -> None:
    held, gone = HeldFolder(), left()
    sweep()
    assert not gone.exists() and list(temporary.iterdir()) == [held.path]
    held.let_go()
    sweep()
    assert list(temporary.iterdir()) == []


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize("name", ["", HALF])
def test_one_that_was_killed_while_it_made_a_folder_leaves_it_for_a_day(temporary: Path, name: str) -> None:
    folder = temporary / f"{PREFIX}new"
    folder.mkdir()
    if name:
        (folder / name).touch()
    sweep()
    assert folder.exists()
    a_day_ago = time.time() - OLD - 1
    os.utime(folder, (a_day_ago, a_day_ago))
    sweep()
    assert not folder.exists()


@pytest.mark.usefixtures("no_program")
def test_a_filesystem_without_locks_is_not_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    folder = HeldFolder()
    folder.let_go()
    os.utime(folder.path, (0, 0))
    sweep()
    assert folder.path.exists()


@pytest.mark.host
@pytest.mark.usefixtures("no_program")
def test_a_program_holds_a_folder_that_we_have_let_go() -> None:
    folder = HeldFolder()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(folder.lock,)) as program:
        folder.let_go()
        sweep()
        assert folder.path.exists()
        program.communicate()
    sweep()
    assert not folder.path.exists()


def no_lock(folder: Path) -> Path:
    (folder / LOCK).unlink()
    return folder


def old_without_lock(folder: Path) -> Path:
    os.utime(no_lock(folder), (0, 0))
    return folder


def linked_lock(folder: Path) -> Path:
    (folder / LOCK).rename(folder.parent / "lock")
    (folder / LOCK).symlink_to(folder.parent / "lock")
    return folder


def fifo(folder: Path) -> Path:
    (folder / LOCK).unlink()
    os.mkfifo(folder / LOCK)
    return folder


def link(folder: Path) -> Path:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")
    return folder


def other_name(folder: Path) -> Path:
    return folder.rename(folder.parent / "imgtools-edit-left")


def others_folder(folder: Path) -> Path:
    os.chown(folder, 65534, 65534)
    return folder


def others_lock(folder: Path) -> Path:
    os.chown(folder / LOCK, 65534, 65534)
    return folder


def file(folder: Path) -> Path:
    folder.rename(folder.parent / "elsewhere")
    folder.touch()
    return folder


NEEDS_ROOT = {others_folder, others_lock}


@pytest.mark.usefixtures("no_program")
@pytest.mark.parametrize(
    "change",
    [no_lock, old_without_lock, linked_lock, fifo, link, other_name, others_folder, others_lock, file],
)
def test_what_is_not_provably_left_by_us_is_not_touched(
    change: Callable[[Path], Path], temporary: Path
) -> None:
    if change in NEEDS_ROOT and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    change(left())
    before = sorted(temporary.rglob("*"))
    sweep()
    assert sorted(temporary.rglob("*")) == before


@pytest.mark.usefixtures("no_program")
def test_a_folder_of_files_goes_too_as_libguestfs_leaves_one() -> None:
    folder = left()
    (folder / "m" / "overlay1.qcow2").touch()
    sweep()
    assert not folder.exists()


@pytest.mark.usefixtures("no_program")
def test_no_tree_is_removed() -> None:
    folder = left()
    deep = folder / "m" / "deeper" / "deep"
    deep.parent.mkdir()
    deep.touch()
    sweep()
    assert deep.exists() and (folder / LOCK).exists()


@pytest.mark.usefixtures("no_program")
def test_a_mount_that_was_overlooked_is_not_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bind mount is on the same filesystem; it may be any folder of the host."""
    folder = left()
    kept = folder / "m" / "passwd"
    kept.touch()
    mounts = iter("12")
    monkeypatch.setattr(held_folder, "_mount_of", lambda descriptor: next(mounts))
    sweep()
    assert kept.exists() and (folder / LOCK).exists()


@pytest.mark.host
def test_a_bind_mount_is_another_mount(tmp_path: Path) -> None:
    script = """import os, subprocess
from imgtools.engine.held_folder import _mount_of
os.mkdir("a"), os.mkdir("b")
subprocess.run(["mount", "--bind", "a", "b"], check=True)
print(_mount_of(os.open("a", os.O_RDONLY)) == _mount_of(os.open("b", os.O_RDONLY)))"""
    words = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    if "unshare" in ran.stderr:
        pytest.skip("no mount namespaces here")
    assert ran.stdout == "False\n", ran.stderr


@pytest.mark.usefixtures("no_program")
def test_a_folder_that_is_a_mount_itself_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server may be another user's, and let us wait for ever."""
    folder = left()
    monkeypatch.setattr(held_folder, "host_mounts", lambda: [HostMount(str(folder), "fuse", "x")])
    sweep()
    assert folder.exists()


def test_a_temporary_folder_that_is_not_there_is_no_error(temporary: Path) -> None:
    temporary.rmdir()
    sweep()


def test_two_that_sweep_do_not_hurt_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes when the first is about to remove: it finds the lock held; and when it has removed."""
    folder = left()
    remove = held_folder._remove

    def sweep_meanwhile(path: Path, inside: int) -> None:
        assert not take_away(path)
        remove(path, inside)

    monkeypatch.setattr(held_folder, "_remove", sweep_meanwhile)
    assert take_away(folder)
    assert take_away(folder)


def test_mounts_are_read_as_they_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"36 35 98:0 / / rw,noatime master:1 - ext4 /dev/root rw\n"
        rb"37 36 0:50 / /tmp/a\040b\134c\011\012 rw shared:1 master:2 - fuse.x img\040tools rw,user_id=0"
        b"\n38 36 0:51 / /tmp/a rw - fuse  rw\n"
    )
    monkeypatch.setattr(held_folder, "MOUNTS", table)
    assert host_mounts() == [
        HostMount("/", "ext4", "/dev/root"),
        HostMount("/tmp/a b\\c\t\n", "fuse.x", "img tools"),
        HostMount("/tmp/a", "fuse", ""),
    ]
    assert mounts_below(Path("/tmp")) == ["/tmp/a b\\c\t\n", "/tmp/a"]
    assert mounts_below(Path("/tmp/a")) == []
