"""The rescue shell as people use it: on a terminal, from scripts, over several disks, and cut off."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.cache import digest_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture
from tests.support.typist import Typist, typing
from tests.support.volumes import make_ext
from tests.support.waiting import wait_until

pytestmark = pytest.mark.appliance

PROMPT = "rescue:/# "
USELESS = "the key given for nothing is not used"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest of a few megabytes that has a shell: the host's."""
    tree = tmp_path_factory.mktemp("small") / "tree"
    for name in ("bin", "dev", "proc", "sys", "run", "tmp", "etc", "lib", "usr/bin", "var/log"):
        (tree / name).mkdir(parents=True)
    needed = subprocess.run(["ldd", "/bin/dash"], capture_output=True, text=True, check=True).stdout
    for library in [word for word in needed.split() if word.startswith("/")]:
        (tree / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, tree / library[1:])
    shutil.copy("/bin/dash", tree / "bin/sh")
    (tree / "etc/os-release").write_text("ID=debian\nNAME=Debian\nVERSION_ID=12\n")
    (tree / "etc/debian_version").write_text("12.0\n")
    (tree / "etc/fstab").write_text("/dev/sda / ext4 defaults 0 1\n")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/shadow").write_text("root:$y$verysecret:19000:0:99999:7:::\n")
    (tree / "etc/shadow").chmod(0o640)
    (tree / "etc/motd").write_text("Welcome.\n")
    return make_ext(tree.with_name("small.raw"), tree, "-t", "ext4")


@pytest.fixture
def image(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small, tmp_path))


@pytest.fixture
def typed(image: Path) -> Iterator[Typist]:
    """Somebody at the prompt of a shell that may write."""
    with typing("rescue", image, "--write") as typist:
        typist.waits_for(PROMPT)
        yield typist


def qemu_of(folder: Path) -> list[str]:
    """The QEMU programs that have something of a folder open, by their command lines."""
    found = subprocess.run(["pgrep", "-af", str(folder)], capture_output=True, text=True, check=False).stdout
    return [line for line in found.splitlines() if "qemu" in line]


def test_a_shell_on_a_terminal_whose_changes_are_kept(image: Path, typed: Typist) -> None:
    before = digest_of(image)
    typed.types("stty size; echo $TERM\r")
    assert "30 100\r\nxterm\r\n" in typed.waits_for(PROMPT)
    # Said by what is to be interrupted: a shell may miss it between two commands.
    typed.types("echo be\"\"gun >/tmp/word; tail -f /tmp/word; echo slep''t\r")
    typed.waits_for("begun\r\n")
    typed.types("\x03")
    assert "slept" not in typed.waits_for(PROMPT)
    typed.resizes(44, 123)
    typed.types("while [ $(stty size | cut -c1-2) != 44 ]; do sleep 1; done; stty size\r")
    typed.waits_for("44 123\r\n")
    typed.types(
        "echo Hello. >> /sysroot/etc/motd; rm /sysroot/etc/debian_version; echo x >> /sysroot/etc/shadow\r"
    )
    typed.waits_for(PROMPT)
    typed.types("sleep 1000 </sysroot/etc/fstab & false\r")  # what is left running is ended
    typed.waits_for(PROMPT)
    assert digest_of(image) == before
    typed.types("exit\r")
    shown = typed.waits_for("[y/N]: ")
    assert "changed /etc/motd: content" in shown and "+Hello." in shown
    assert "removed /etc/debian_version" in shown and "changed /etc/shadow: content" in shown
    assert "verysecret" not in shown and digest_of(image) == before
    typed.types("y\r")
    assert typed.ends() == 0 and "3 changes made in" in typed.seen
    assert imgtools("cat", image, "/etc/motd").out == "Welcome.\nHello.\n"


def test_an_escape_keeps_nothing(image: Path, typed: Typist) -> None:
    before = digest_of(image)
    typed.types("rm -r /sysroot/etc; sync\r")
    typed.waits_for(PROMPT)
    typed.types("\x1dq")
    assert typed.ends() == 1 and "nothing is kept" in typed.seen
    assert digest_of(image) == before and [one.name for one in image.parent.iterdir()] == [image.name]


def test_a_kill_leaves_the_image_and_no_machine(image: Path, typed: Typist) -> None:
    before = digest_of(image)
    typed.types("rm -r /sysroot/etc; sync; echo do''ne\r")
    typed.waits_for("done\r\n")
    assert qemu_of(image.parent)
    os.kill(typed.process.pid, signal.SIGKILL)
    wait_until(lambda: not qemu_of(image.parent))
    assert digest_of(image) == before
    assert imgtools("write", image, "/etc/motd", "--from", "/dev/null", "--write").code == 0


def test_read_only_is_read_only(image: Path, tmp_path: Path) -> None:
    """Whatever is done there; and a disk that is attached can be read."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "said").write_text("from another disk\n")
    other = make_ext(tmp_path / "other.raw", tmp_path / "tree")
    before = [digest_of(path) for path in (image, other)]
    command = (
        "echo x > /sysroot/etc/motd; mount -o remount,rw /sysroot && echo x > /sysroot/etc/motd;"
        " cat /attached/1/said; echo oops >&2; sync; dd if=/dev/zero of=/dev/sda bs=1M count=1 2>/dev/null; exit 7"
    )
    words = ("rescue", image, "--attach", other, "-c", command, "--key", "nothing:key:x", "--json")
    ran = imgtools(*words, code=1)
    assert ran.json["schema"] == "imgtools.rescue/1" and ran.json["engine"] == "appliance"
    assert (ran.data["code"], ran.data["written"], ran.data["changes"]) == (7, False, [])
    assert ran.data["stdout"] == "from another disk\n" and "Read-only" in ran.data["stderr"]
    assert ran.data["stderr"].endswith("oops\n")
    assert ran.data["mounts"] == [{"path": "/", "device": "/dev/sda"}]
    assert sum(one["text"].startswith(USELESS) for one in ran.json["warnings"]) == 1
    assert [digest_of(path) for path in (image, other)] == before


def test_a_script_in_the_guest_makes_a_new_image(image: Path, tmp_path: Path) -> None:
    before = digest_of(image)
    script = tmp_path / "script"
    script.write_text(
        "#!/bin/sh\nset -e\n[ -e /dev/null ] && [ -e /proc/1 ] && [ -e /sys/class ]\n: > /etc/made\necho in $PWD\n"
    )
    new = tmp_path / "new.qcow2"
    ran = imgtools("rescue", image, "--run", script, "--chroot", "--output", new)
    assert (
        ran.out == "in /\n"
        and "created /etc/made (file, 0)" in ran.err
        and f"1 change made in {new}" in ran.err
    )
    assert digest_of(image) == before
    assert "made" in imgtools("ls", new, "/etc").out and imgtools("ls", new, "/run").out == ""


def test_what_fails_is_rolled_back(image: Path) -> None:
    before = digest_of(image)
    ran = imgtools("rescue", image, "-c", "echo x > /sysroot/etc/motd; exit 3", "--write", "--yes", code=1)
    assert "It ended with 3: nothing is kept." in ran.err and digest_of(image) == before


def test_nothing_changed_is_nothing_written(image: Path) -> None:
    """The kernel has had it mounted for writing all the same."""
    before = digest_of(image)
    ran = imgtools("rescue", image, "-c", "cat /sysroot/etc/motd", "--write", "--yes")
    assert ran.out == "Welcome.\n" and "Nothing has changed" in ran.err and digest_of(image) == before


def test_what_is_no_file_is_told_too(tmp_path: Path) -> None:
    """Boot code, a label, a filesystem that was unmounted and checked, another that was made anew."""
    (image,) = copy_fixture("debian", tmp_path)
    command = (
        "set -e; tune2fs -L other /dev/sda3; umount /sysroot/boot; e2fsck -f -y /dev/sda2; mkswap /dev/sda4;"
        " printf boot | dd of=/dev/sda conv=notrunc"
    )
    ran = imgtools("rescue", image, "-c", command, "--write", "--yes", "--json")
    told = {one["path"]: one["summary"] for one in ran.data["changes"]}
    assert ran.data["written"] and all(one["kind"] == "disk" for one in ran.data["changes"])
    assert set(told) == {"/dev/sda", "/dev/sda2", "/dev/sda3", "/dev/sda4"}
    assert "outside its partitions" in told["/dev/sda"] and "label" in told["/dev/sda3"]
    assert "none of its files" in told["/dev/sda2"]


def test_a_volume_with_a_key_and_several_disks(tmp_path: Path) -> None:
    disks = copy_fixture("luks2", tmp_path)
    other = copy_fixture("fat", tmp_path)[0]
    words = ("rescue", disks[0], *(f"--add={one}" for one in (*disks[1:], other)), "--key", "all:key:fixture")
    command = "set -e; echo changed > /sysroot/etc/motd; blockdev --getsize64 /dev/sdb"
    ran = imgtools(*words, "-c", command, "--write", "--yes", "--json")
    assert ran.data["written"] and [one["path"] for one in ran.data["changes"]] == ["/etc/motd"]
    assert int(ran.data["stdout"]) > 0 and ran.data["mounts"][0]["path"] == "/"


def test_files_in_subvolumes_are_compared(tmp_path: Path) -> None:
    """Every subvolume has the same inode for its root, and is a tree of its own."""
    (image,) = copy_fixture("opensuse", tmp_path)
    command = "set -e; echo x >> /sysroot/etc/motd; echo y > /sysroot/home/new"
    ran = imgtools("rescue", image, "-c", command, "--write", "--yes", "--json")
    first, second = (one["path"] for one in ran.data["changes"])
    assert ran.data["written"] and first.endswith("/etc/motd") and second == "/home/new"
