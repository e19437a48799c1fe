"""Programs that mount, behind their fence: we mount for them, in their own folder and nothing else."""

from __future__ import annotations

import errno
import io
import os
import socket
import subprocess
from pathlib import Path

import pytest

from imgtools.engine.confined import landlock, mounts
from imgtools.engine.confined.fence import Fence
from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.start import start_program
from imgtools.engine.direct.write_ntfs import NtfsWriter
from imgtools.engine.qemu.storage_daemon import serve_new_image
from imgtools.errors import BadImage
from tests.support.volumes import blank, make_ext, tool
from tests.support.waiting import wait_until
from tests.unit.engine.confined.test_fence import CONNECT, FORK, MEMORY, PYTHON, READ, SPAWN, WRITE

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(not mounts.may_mount() or not landlock.abi(), reason="we may not mount here"),
]
kinds = pytest.mark.parametrize("kind", [Kind.MOUNTER, Kind.EXPORTER], ids=lambda kind: kind.name)
# mount(source, target, type, flags, data) and umount2(target, flags); prints the number of the error.
CALL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
data = sys.argv[4].replace("FUSE", str(device)).encode()
if sys.argv[1] == "mount":
    answer = libc.mount(b"x", sys.argv[2].encode(), sys.argv[3].encode(), 0, data)
else:
    answer = libc.umount2(sys.argv[2].encode(), 0)
print(answer and ctypes.get_errno())
"""
GOOD = "fd=FUSE,rootmode=100600,user_id=0,group_id=0"
EPERM = "1\n"


def said(kind: Kind, folder: Path, script: str, *words: object) -> tuple[int, str]:
    argv = [PYTHON, "-I", "-S", "-c", script, *map(str, words)]
    with start_program(argv, Fence(kind, writes=(folder,)), stderr=subprocess.STDOUT) as process:
        output, _ = process.communicate(timeout=120)
    return process.returncode, output.decode()


def mounted(below: Path) -> list[str]:
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if f" {below}/" in line]


@kinds
def test_what_was_taken_over_can_do_nothing(kind: Kind, tmp_path: Path) -> None:
    own, secret = tmp_path / "own", tmp_path / "secret"
    own.mkdir()
    secret.write_text("sesame")
    for place in (secret, Path("/etc/shadow")):
        code, words = said(kind, own, READ, place)
        assert code == 1 and "Permission denied" in words
    assert said(kind, own, WRITE, secret)[0] == 1
    assert said(kind, own, WRITE, own / "new") == (0, "")
    for script in (FORK, SPAWN):
        assert "temporarily unavailable" in said(kind, own, script)[1]
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert said(kind, own, CONNECT, server.getsockname()[1])[0] == 1
    assert "MemoryError" in said(kind, own, MEMORY, kind.allowance.memory + 1)[1]


@kinds
def test_it_mounts_in_its_folder_and_nowhere_else(kind: Kind, tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    for path in (own / "file", other, own / "a folder/file"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (own / "link").symlink_to(other)
    assert said(kind, own, CALL, "mount", own / "file", "fuse", GOOD) == (0, "0\n")
    for place in (other, own / "a folder/file", own / "link", own / "../other", own, "/", "file", ""):
        assert said(kind, own, CALL, "mount", place, "fuse", GOOD)[1] != "0\n", place
    for data in ("", "size=1m", "fd=0", "fd=x", GOOD.replace("FUSE", "999")):
        assert said(kind, own, CALL, "mount", own / "file", "tmpfs", data)[1] != "0\n", data
    assert said(kind, own, CALL, "umount", "/proc", "", "") == (0, EPERM)
    subprocess.run(["umount", "-l", own / "file"], check=False, capture_output=True)
    assert mounted(tmp_path) == []


@kinds
def test_what_a_link_in_its_folder_leads_to_is_not_unmounted(kind: Kind, tmp_path: Path) -> None:
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    for folder in (own, theirs):
        folder.mkdir()
        (folder / "file").touch()
    assert said(Kind.EXPORTER, theirs, CALL, "mount", theirs / "file", "fuse", GOOD) == (0, "0\n")
    (own / "link").symlink_to(theirs / "file")
    try:
        assert len(mounted(theirs)) == 1
        assert said(kind, own, CALL, "umount", own / "link", "", "") == (0, f"{errno.EINVAL}\n")
        assert len(mounted(theirs)) == 1
    finally:
        subprocess.run(["umount", "-l", theirs / "file"], check=True)


@kinds
def test_no_list_of_mounts_is_to_be_kept(kind: Kind, tmp_path: Path) -> None:
    """libfuse 3.17 starts mount(8) for /etc/mtab, unless that is on a disk that is read-only."""
    ask = "import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True);"
    ask += "print([libc.access(sys.argv[1].encode(), mode) and ctypes.get_errno() for mode in (0, 2)])"
    place = tmp_path / "mtab"
    place.touch()
    assert said(kind, tmp_path, ask, place) == (0, f"[0, {errno.EROFS}]\n")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = blank(tmp_path / "disk", 16 << 20)
    tool("mkntfs", "-q", "-F", "-Q", path)
    return path


def test_nobody_else_sees_what_ntfs_3g_mounts_and_it_goes_with_it(volume: Path) -> None:
    writer = NtfsWriter(volume, "/dev/sda1")
    writer.write("/hello", io.BytesIO(b"sesame"))
    assert mounted(writer._mounted.folder) == []
    place = writer._mounted.shown / "m"
    pid = int(place.parts[2])
    (line,) = [
        line
        for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()
        if str(place).endswith(line.split()[1])
    ]
    assert {"nosuid", "nodev", "noexec"} <= set(line.split()[3].split(","))
    os.kill(pid, 9)
    with pytest.raises(BadImage, match="/dev/sda1: ntfs-3g has ended"):
        writer.write("/again", io.BytesIO(b"sesame"))
    with pytest.raises(BadImage, match="/dev/sda1: ntfs-3g has ended"):
        writer.lookup("/hello")
    writer.abandon()
    assert not writer._mounted.folder.exists()


def test_what_was_written_is_there_when_it_ends(volume: Path) -> None:
    writer = NtfsWriter(volume, "/dev/sda1")
    writer.write("/hello", io.BytesIO(b"sesame"))
    writer.finish()
    assert tool("ntfscat", volume, "hello") == "sesame"


def test_an_export_is_mounted_for_its_daemon(tmp_path: Path) -> None:
    image = make_ext(tmp_path / "disk", None, "-t", "ext4")
    with serve_new_image(image, "raw") as daemon:
        shown = daemon.export_file(0, 0, image.stat().st_size)
        (line,) = mounted(shown.parent)
        assert {"nosuid", "nodev", "noexec", "rw"} <= set(line.split()[3].split(","))
        tool("e2fsck", "-f", "-n", shown)
    wait_until(lambda: not mounted(shown.parent))
