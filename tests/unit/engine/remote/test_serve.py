"""What stands between us and a server is fenced in, ends with us, and its end is an error by its name."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.worker import Worker
from imgtools.engine.qemu.block import NbdDisk
from imgtools.engine.remote import ssh
from imgtools.engine.remote.serve import serve_remote
from imgtools.errors import BadImage, EngineFailed, ImgtoolsError, RemoteChanged, RemoteUnreachable
from imgtools.records.remote import RemoteOptions
from tests.support.waiting import wait_until
from tests.support.web_server import Web, web_server

CONTENT = random.Random(3).randbytes(3_000_001)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(CONTENT) as served:
        yield served


def children(name: str) -> list[int]:
    """Our own children of a name, as ps(1) shows it."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found if Path("/proc", pid, "comm").read_text().startswith(name[:15])]


def url(web: Web) -> str:
    return f"http://127.0.0.1:{web.port}/disk.raw"


def test_it_is_a_disk_that_several_read(web: Web) -> None:
    with serve_remote(url(web)) as remote:
        assert remote.facts.size == len(CONTENT)
        disks = [NbdDisk(remote.socket, "x") for _ in range(2)]
        for disk in disks:
            assert disk.read(0, len(CONTENT)) == CONTENT
        traffic = remote.traffic()
        assert (traffic.fetched, traffic.retries) == (len(CONTENT), 0)
        assert [(one.length, one.hole) for one in disks[0].allocations()] == [(len(CONTENT), False)]
    assert not Path(remote.socket).parent.exists()
    assert not children("imgtools-remote")


def test_no_more_is_kept_than_is_said(web: Web) -> None:
    with serve_remote(url(web), RemoteOptions(cache=128 << 10)) as remote:
        disk = NbdDisk(remote.socket, "x")
        for _ in range(2):
            for offset in range(0, 2_000_000, 50_000):
                assert disk.read(offset, 1000) == CONTENT[offset : offset + 1000]
        assert remote.traffic().fetched > len(CONTENT)


def test_what_went_wrong_there_is_what_is_raised(web: Web) -> None:
    with pytest.raises(RemoteChanged) as caught, serve_remote(url(web)) as remote:
        disk = NbdDisk(remote.socket, "x")
        assert disk.read(0, 10) == CONTENT[:10]
        web.etag = '"two"'
        disk.read(1_000_000, 10)
    assert isinstance(caught.value.__cause__, BadImage)  # what it looked like from here


def test_an_error_that_nobody_minded_is_raised_at_the_end(web: Web) -> None:
    with pytest.raises(RemoteChanged), serve_remote(url(web)) as remote:
        web.etag = '"two"'
        with pytest.raises(BadImage):
            NbdDisk(remote.socket, "x").read(0, 10)


def test_errors_of_others_stay_what_they_are(web: Web) -> None:
    with pytest.raises(ZeroDivisionError), serve_remote(url(web)):
        raise ZeroDivisionError


def test_a_copy_that_is_killed_is_an_error(web: Web) -> None:
    with (
        pytest.raises(EngineFailed, match="the process that reads it has ended"),
        serve_remote(url(web)) as remote,
    ):
        (copy,) = children("imgtools-remote")
        os.kill(copy, signal.SIGKILL)
        NbdDisk(remote.socket, "x")


@pytest.mark.host
def test_the_copy_ends_when_we_do(web: Web) -> None:
    script = (
        "import sys, time; from imgtools.engine.remote.serve import serve_remote\n"
        "with serve_remote(sys.argv[1]) as remote:\n    print(remote.socket, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, url(web)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        path = process.stdout.readline().decode().strip()
        process.kill()
        process.wait()

    def is_gone() -> bool:
        with socket.socket(socket.AF_UNIX) as talk:
            return talk.connect_ex(path) != 0

    wait_until(is_gone)


class _Thief:
    """What somebody would do who has taken the copy over."""

    def __init__(self, port: int) -> None:
        self._port = port

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write(self, path: str) -> None:
        Path(path).write_bytes(b"x")

    def start(self) -> int:
        return os.fork()

    def connect(self) -> None:
        socket.create_connection(("127.0.0.1", self._port), 5).close()


@pytest.mark.host
def test_the_copy_has_a_network_and_nothing_else(web: Web, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    worker = Worker("thief", "x", lambda: _Thief(web.port), kind=Kind.FETCHER)
    worker.ask("connect")
    for question in (
        ("read", str(secret)),
        ("read", "/etc/shadow"),
        ("write", str(tmp_path / "new")),
        ("start",),
    ):
        with pytest.raises(OSError):
            worker.ask(*question)
    worker.end()
    assert not (tmp_path / "new").exists()


@pytest.mark.host
def test_a_program_between_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ends at once stands for nbdkit."""
    settings, known = tmp_path / "ssh", tmp_path / "known"
    known.touch()
    settings.write_text(f"Host *\n  UserKnownHostsFile {known}\n")
    monkeypatch.setenv(ssh.CONFIG, str(settings))
    monkeypatch.setattr(ssh, "require", lambda _program: "/bin/true")
    with pytest.raises(ImgtoolsError, match="has ended without a word") as caught, serve_remote("ssh://h/x"):
        pass
    assert isinstance(caught.value, EngineFailed)


def test_nobody_listens_and_nothing_is_left() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(RemoteUnreachable), serve_remote(f"nbd://127.0.0.1:{port}/x"):
            pass
    assert not children("imgtools-remote")
