"""A guest as a folder: read without writing, and written all at once when it is unmounted."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.waiting import wait_until

LIMIT = 120  # seconds; a folder that does not answer must not stop the tests


def imgtools(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgtools", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, check=False
    )


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "guest"
    place.mkdir()
    yield place
    if place.is_mount():  # the test has failed
        subprocess.run(["fusermount3", "-u", place], check=False)


def test_a_mounted_guest_is_read_and_cannot_be_written(folder: Path) -> None:
    image = fixture_image("debian")
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    assert imgtools("mount", image, folder).returncode == 0
    try:
        assert shell("cat etc/hostname; ls -d etc; readlink bin", folder).stdout.split()[1:] == [
            "etc",
            "usr/bin",
        ]
        assert "Read-only" in shell("touch etc/new", folder).stderr
        again = imgtools("mount", image, folder)
        assert again.returncode == 3
        assert "not an empty folder" in again.stderr
    finally:
        done = imgtools("unmount", folder)
    assert "nothing was changed" in done.stdout
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before


def test_what_is_changed_in_the_folder_is_one_transaction(folder: Path, tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    assert imgtools("mount", "--write", image, folder).returncode == 0
    changed = shell(
        "echo new > etc/motd; sed -i s/^/x/ etc/hostname; mkdir srv/d; ln -s /etc srv/d/l; chmod 600 etc/fstab;"
        " rm -r var/log/audit; cp -r etc/ssh srv/d; mv srv/d/ssh srv/d/moved",
        folder,
    )
    assert changed.returncode == 0, changed.stderr
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before, "nothing is written before the unmount"
    done = imgtools("unmount", folder)
    assert done.returncode == 0, done.stderr
    assert imgtools("cat", image, "/etc/motd").stdout == "new\n"
    assert imgtools("cat", image, "/etc/hostname").stdout.startswith("x")
    assert imgtools("cat", image, "/srv/d/moved/sshd_config").returncode == 0
    assert imgtools("ls", image, "/var/log/audit").returncode == 25
    assert list(folder.iterdir()) == []


def test_directories_are_renamed_and_files_get_second_names(folder: Path, tmp_path: Path) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    assert imgtools("mount", "--write", image, folder).returncode == 0
    changed = shell(
        "mv etc/ssh srv/keys; echo more >> srv/keys/sshd_config; mv srv/keys/sshd_config srv/keys/config;"
        " mkdir etc/ssh; echo new > etc/ssh/note; ln etc/ssh/note srv/note; ln etc/hostname srv/name;"
        " echo other > srv/name; cat etc/hostname; stat -c %h srv/name;"
        " mv usr/lib/os-release etc/x; mv etc/x usr/lib/os-release; ls srv/keys",
        folder,
    )
    assert changed.returncode == 0, changed.stderr
    assert changed.stdout.split()[:3] == ["other", "2", "config"]
    done = imgtools("unmount", folder)
    assert done.returncode == 0, done.stderr
    assert imgtools("cat", image, "/srv/keys/config").stdout.endswith("more\n")
    assert imgtools("cat", image, "/srv/note", "/etc/ssh/note").stdout == "new\nnew\n"
    assert imgtools("cat", image, "/srv/name", "/etc/hostname").stdout == "other\nother\n"
    for path in ("/srv/name", "/etc/ssh/note"):
        (one,) = json.loads(imgtools("ls", image, path, "--json").stdout)["data"]["files"]
        assert one["links"] == 2
    assert imgtools("ls", image, "/etc/ssh").stdout == "note\n"


def test_a_windows_folder_holds_what_ntfs_holds(folder: Path, tmp_path: Path) -> None:
    """Else nothing that was done in it could be written when it is unmounted."""
    (image,) = copy_fixture("windows", tmp_path)
    assert imgtools("mount", "--write", image, folder).returncode == 0
    changed = shell(
        "mkdir Users/new; echo one > Users/new/file; chmod 600 Users/new/file; chown 5 Users/new/file;"
        " mv Users/new Users/renamed; ln Users/renamed/file Users/second; echo two >> Windows/win.ini;"
        " ! ln -s x Users/soft; ! mkfifo Users/pipe; ! touch Users/a:b",
        folder,
    )
    assert changed.returncode == 0, changed.stderr
    done = imgtools("unmount", folder)
    assert done.returncode == 0, done.stderr
    assert imgtools("cat", image, "/users/RENAMED/file", "/Users/second").stdout == "one\none\n"
    assert imgtools("cat", image, "/Windows/win.ini").stdout.endswith("two\n")


def test_a_folder_in_use_stays_and_one_whose_server_is_ended_is_rolled_back(
    folder: Path, tmp_path: Path
) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    server = json.loads(imgtools("mount", "--write", image, folder, "--json").stdout)["data"]["pid"]
    assert shell("echo new > etc/motd", folder).returncode == 0
    with (folder / "etc" / "motd").open():
        busy = imgtools("unmount", folder)
        assert busy.returncode == 3 and "is in use" in busy.stderr
    assert shell("cat etc/motd", folder).stdout == "new\n"
    os.kill(server, signal.SIGTERM)
    wait_until(lambda: not folder.is_mount())
    ended = imgtools("unmount", folder)
    assert ended.returncode == 3 and "nothing was written" in ended.stderr
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
    assert list(folder.iterdir()) == [] and sorted(tmp_path.iterdir()) == sorted([folder, image])


def test_a_folder_goes_though_it_does_not_go_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has sent the signal may be gone, and sends no second one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    real = shutil.which("fusermount3")
    once = f'[ "$1" != -u ] || [ -e {programs}/tried ] || {{ : >{programs}/tried; exit 1; }}'
    (programs / "fusermount3").write_text(f'#!/bin/sh\n{once}\nexec {real} "$@"\n')
    (programs / "fusermount3").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    mounted = imgtools("mount", fixture_image("debian"), folder, "--json")
    os.kill(json.loads(mounted.stdout)["data"]["pid"], signal.SIGTERM)
    wait_until(lambda: not folder.is_mount())
    assert (programs / "tried").exists()


def test_what_cannot_be_mounted_says_why(folder: Path, tmp_path: Path) -> None:
    missing = imgtools("mount", tmp_path / "none.qcow2", folder)
    assert missing.returncode in (3, 10)
    assert "none.qcow2" in missing.stderr
    nothing = imgtools("unmount", folder)
    assert nothing.returncode == 3
    assert "no image is mounted" in nothing.stderr


def test_a_key_that_fits_nothing_is_told_by_who_starts_the_server(folder: Path) -> None:
    mounted = imgtools("mount", fixture_image("debian"), folder, "--key", "nothing:key:x", "--json")
    try:
        (told,) = json.loads(mounted.stdout)["warnings"]
        assert told["text"].startswith("the key given for nothing is not used")
        assert told["text"] in mounted.stderr
    finally:
        assert imgtools("unmount", folder).returncode == 0


PROGRAM = """
import os, sys
from pathlib import Path
import imgtools
image, folder = sys.argv[1:]
mounted = imgtools.mount(image, folder, write=True)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child", mounted.pid != os.getpid(), mounted.write)
Path(folder, "etc", "motd").write_text("new")
done = imgtools.unmount(folder)
print(done.committed, done.change_count, imgtools.cat(image, "/etc/motd"))
"""


def test_a_program_mounts_works_in_the_folder_and_has_no_child_to_wait_for(
    folder: Path, tmp_path: Path
) -> None:
    (image,) = copy_fixture("debian", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, image, folder],
        capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["no child True True", "True 1 b'new'"], done.stderr
    assert done.stderr == ""
