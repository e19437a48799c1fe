"""Every kind of program behind its fence: what a program does there that was taken over by a hostile image."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.engine.confined import bubblewrap, landlock, rights, seccomp
from imgtools.engine.confined.fence import OFF, Fence, Judged
from imgtools.engine.confined.kinds import ALLOWANCES, Kind, Limits
from imgtools.engine.confined.start import start_program
from imgtools.errors import UntrustedBacking
from tests.house.source import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.host

FENCED = [kind for kind in Kind if kind.allowance.is_fenced and not kind.allowance.mounts]
STAY_ROOT = [kind for kind in FENCED if not kind.allowance.drops_root]
LIMITED = [kind for kind in Kind if kind is not Kind.PERSON]
fenced = pytest.mark.parametrize("kind", FENCED, ids=lambda kind: kind.name)

READ = "import sys; print(open(sys.argv[1], 'rb').read())"
WRITE = "import sys; open(sys.argv[1], 'wb')"
MAKE = "import sys; open(sys.argv[1] + '.new', 'wb')"
CONNECT = "import sys, socket; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
DATAGRAM = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
FORK = "import os; os.fork()"
SPAWN = "import os; os.posix_spawn('/bin/true', ['true'], {})"
MEMORY = "print(len(bytearray(int(__import__('sys').argv[1]))))"
THREAD = "import threading; t = threading.Thread(target=print, args=('done',)); t.start(); t.join()"
TRACE = "import ctypes; c = ctypes.CDLL(None, use_errno=True); raise SystemExit(c.ptrace(16, 1, 0, 0) == 0)"
PYTHON = os.path.realpath(sys.executable)  # not in a folder of ours, which an unprivileged user may not enter


@pytest.fixture(params=["landlock", "bubblewrap"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Fence in as this kernel can, and as where it has no Landlock."""
    if request.param == "landlock" and not landlock.abi():
        pytest.skip("this kernel has no Landlock")
    if request.param == "bubblewrap":
        if not bubblewrap.find():
            pytest.skip("bubblewrap is not installed, or makes no namespaces here")
        monkeypatch.setattr(landlock, "abi", lambda: 0)
    yield request.param


def said(fence: Fence, script: str, *words: object, limits: Limits | None = None) -> tuple[int, str]:
    """Run a script of Python behind a fence; returns the code and all that it said."""
    argv = [PYTHON, "-I", "-S", "-c", script, *map(str, words)]
    with start_program(argv, fence, limits=limits or Limits(), stderr=subprocess.STDOUT) as process:
        output, _ = process.communicate(timeout=120)
    return process.returncode, output.decode()


def test_every_kind_has_a_line_in_the_table() -> None:
    assert set(ALLOWANCES) == set(Kind)
    for kind in LIMITED:
        allowance = kind.allowance
        assert allowance.memory and allowance.cpu and allowance.file_size, kind


@fenced
def test_a_secret_of_the_host_is_not_read(kind: Kind, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    for place in (secret, Path("/etc/shadow")):
        code, words = said(Fence(kind), READ, place)
        assert code == 1 and "sesame" not in words and "root:" not in words


@fenced
def test_what_was_judged_is_read_and_not_written(kind: Kind, tmp_path: Path) -> None:
    judged = tmp_path / "judged"
    judged.write_text("sesame")
    assert "sesame" in said(Fence(kind, (judged,)), READ, judged)[1]
    assert said(Fence(kind, (judged,)), WRITE, judged)[0] == 1
    said(Fence(kind, (judged,)), MAKE, judged)
    assert [path.name for path in tmp_path.iterdir()] == ["judged"]
    assert judged.read_text() == "sesame"


def test_what_may_be_written_is_written(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.touch()
    assert said(Fence(Kind.WRITER, writes=(image,)), WRITE, image) == (0, "")
    said(Fence(Kind.WRITER, writes=(image,)), MAKE, image)
    assert [path.name for path in tmp_path.iterdir()] == ["image"]
    assert said(Fence(Kind.WRITER, writes=(tmp_path,)), MAKE, image) == (0, "")


@pytest.mark.parametrize(
    "kind", [kind for kind in FENCED if not kind.allowance.network], ids=lambda kind: kind.name
)
def test_nobody_is_connected_to(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert said(Fence(kind), CONNECT, server.getsockname()[1])[0] == 1
    if seccomp.is_known():
        assert said(Fence(kind), DATAGRAM)[0] == 1


@pytest.mark.parametrize(
    "kind", [kind for kind in FENCED if not kind.allowance.starts_programs], ids=lambda kind: kind.name
)
@pytest.mark.skipif(not seccomp.is_known(), reason="no filter for this processor")
@pytest.mark.parametrize("script", [FORK, SPAWN])
def test_no_process_is_started(kind: Kind, script: str) -> None:
    code, words = said(Fence(kind), script)
    assert code == 1 and "temporarily unavailable" in words


def test_who_may_start_programs_starts_them_behind_its_fence(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    assert said(Fence(Kind.KEY_SERVER), SPAWN) == (0, "")
    script = "import subprocess, sys; print(subprocess.run(['/bin/cat', sys.argv[1]]).returncode)"
    code, words = said(Fence(Kind.KEY_SERVER), script, tmp_path / "secret")
    assert code == 0 and "sesame" not in words and words.strip().endswith("1")


@fenced
def test_threads_are_started(kind: Kind) -> None:
    assert said(Fence(kind), THREAD) == (0, "done\n")


@pytest.mark.parametrize("kind", LIMITED, ids=lambda kind: kind.name)
def test_memory_ends(kind: Kind) -> None:
    code, words = said(Fence(kind), MEMORY, kind.allowance.memory + 1)
    assert code == 1 and "MemoryError" in words


def test_processor_time_ends() -> None:
    code, _ = said(Fence(Kind.READER), "while True: pass", limits=Limits(cpu=1))
    assert code in (-24, -9, 128 + 24, 128 + 9)


@pytest.mark.skipif(not seccomp.is_known(), reason="no filter for this processor")
def test_no_other_process_is_looked_into() -> None:
    assert said(Fence(Kind.READER), TRACE)[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
@pytest.mark.parametrize(
    "kind", [kind for kind in FENCED if kind.allowance.drops_root], ids=lambda kind: kind.name
)
def test_who_needs_descriptors_only_is_not_root(kind: Kind, way: str) -> None:
    if way == "bubblewrap" and not bubblewrap.makes_users():
        pytest.skip("no user namespaces here, as in a chroot")
    fence = Fence(kind)
    with start_program(["/usr/bin/id", "-u"], fence) as process:
        assert process.communicate()[0] == b"65534\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
@pytest.mark.parametrize(("reads", "writes", "right"), [("", "", 0), ("a", "", 1 << 2), ("", "a", 1 << 1)])
def test_who_is_not_root_has_no_more_than_the_right_to_its_files(
    reads: str, writes: str, right: int, tmp_path: Path, way: str
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "a").touch(0o600)
    fence = Fence(Kind.READER, *(tuple(tmp_path / name for name in names) for names in (reads, writes)))
    if way == "bubblewrap":
        pytest.skip("it has namespaces of its own")
    with start_program(["/bin/sleep", "600"], fence) as process:
        own = Path("/proc", str(process.pid))
        wait_until(lambda: (own / "cmdline").read_bytes().startswith(b"/bin/sleep"))
        found = dict(line.split(":\t", 1) for line in (own / "status").read_text().splitlines())
        process.kill()
    assert (found["Uid"].split(), found["Gid"].split()) == (["65534"] * 4, ["65534"] * 4)
    assert found["Groups"].strip() == ""
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(found[name], 16) == right, name


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
@pytest.mark.parametrize("kind", STAY_ROOT, ids=lambda kind: kind.name)
def test_who_stays_root_has_rights_over_files_and_no_others(kind: Kind, tmp_path: Path, way: str) -> None:
    if way == "bubblewrap":
        pytest.skip("it has namespaces of its own")
    with start_program(["/bin/sleep", "600"], Fence(kind, writes=(tmp_path,))) as process:
        own = Path("/proc", str(process.pid))
        wait_until(lambda: (own / "cmdline").read_bytes().startswith(b"/bin/sleep"))
        found = dict(line.split(":\t", 1) for line in (own / "status").read_text().splitlines())
        process.kill()
    assert found["Uid"].split() == ["0"] * 4
    assert [int(found[name], 16) for name in ("CapEff", "CapPrm")] == [0b11111, 0b11111]


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
def test_files_of_a_server_keep_their_reader_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who asks is what a network's filesystem goes by."""
    monkeypatch.setattr(rights, "LOCAL", frozenset())
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setattr(bubblewrap, "find", lambda: "")
    (tmp_path / "a").touch()
    with start_program(["/usr/bin/id", "-u"], Fence(Kind.READER, (tmp_path / "a",))) as process:
        assert process.communicate()[0] == b"0\n"


CHROOT = "import os, sys; os.chroot(sys.argv[1]); print(os.path.isdir('/usr/bin'))"


@fenced
def test_nobody_gets_a_root_of_its_own(kind: Kind, tmp_path: Path) -> None:
    """Who gives up without one is told that it has it."""
    (code, words) = said(Fence(kind, (tmp_path,)), CHROOT, tmp_path)
    shams = kind.allowance.shams_chroot
    assert (code == 0) == shams and ("True" if shams else "PermissionError") in words


def test_a_file_that_was_replaced_is_refused(tmp_path: Path) -> None:
    image, secret = tmp_path / "image", tmp_path / "secret"
    image.write_text("harmless")
    found = image.stat()
    judged = Judged(image, (found.st_dev, found.st_ino))
    assert "harmless" in said(Fence(Kind.READER, (judged,)), READ, image)[1]
    secret.write_text("sesame")
    image.unlink()
    image.symlink_to(secret)
    with pytest.raises(UntrustedBacking, match="replaced by another file"):
        said(Fence(Kind.READER, (judged,)), READ, image)


@fenced
def test_names_of_processes_are_seen_and_contents_are_not(kind: Kind, way: str) -> None:
    if way != "landlock":
        pytest.skip("bubblewrap has a /proc of its own")
    assert said(Fence(kind), "import os; print(bool(os.listdir('/proc')))") == (0, "True\n")
    code, text = said(Fence(kind), READ, "/proc/1/status")
    assert code != 0 and "Error" in text


CLOSING = """
import os, resource, sys
sys.path.insert(0, {root!r})
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most if 0 < most < 1 << 16 else 1 << 16, most))
from imgtools.engine.confined.fence import Fence
from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.start import start_program
for number in (40, 41):
    os.dup2(0, number)
start_program(["/bin/true"], Fence(Kind[{kind!r}]), pass_fds=(40, 41)).communicate()
"""


@pytest.mark.parametrize("kind", ["RECOGNISER", "CHECKER"])
def test_what_is_open_is_looked_up_and_not_guessed(kind: str, way: str, tmp_path: Path) -> None:
    """Python closes ranges, but of none where two numbers follow each other; then it guesses."""
    if way != "landlock":
        pytest.skip("bubblewrap is started without a fence")
    told = tmp_path / "told"
    script = CLOSING.format(root=str(ROOT), kind=kind)
    subprocess.run(
        ["strace", "-f", "-o", told, "-e", "trace=close", sys.executable, "-c", script], check=True
    )
    assert told.read_text().count("close(") < 2000


def test_who_insists_has_no_fences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    monkeypatch.setenv(OFF, "1")
    assert "sesame" in said(Fence(Kind.READER), READ, secret)[1]
