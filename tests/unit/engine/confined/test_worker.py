"""The worker of a C library: what a library does there that a hostile image has taken over, and how it ends."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.engine.confined.kinds import Limits
from imgtools.engine.confined.worker import Worker, receive, send
from imgtools.errors import BadImage, OddGuest
from tests.support.waiting import wait_until

pytestmark = pytest.mark.host


class Library:
    """Does what it is asked, as code that came with an image would."""

    def add(self, one: int, other: int) -> int:
        return one + other

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write(self, path: str) -> None:
        Path(path).write_bytes(b"mine")

    def connect(self, port: int) -> None:
        socket.create_connection(("127.0.0.1", port), 5).close()

    def socket(self) -> None:
        socket.socket(socket.AF_UNIX).close()

    def fork(self) -> None:
        if os.fork() == 0:
            os._exit(0)

    def fork_as_the_main_process(self) -> None:
        """As a program is started elsewhere: by vfork(2) in the C library."""
        os.posix_spawn("/bin/true", ["true"], {})

    def eat(self, size: int) -> int:
        return len(bytearray(size))

    def crash(self) -> None:
        ctypes.string_at(0)

    def loop(self) -> None:
        while True:
            pass

    def odd(self) -> None:
        raise OddGuest("there is no such thing", hint="look elsewhere")

    def odd_value(self) -> object:
        return Path("/")

    def who(self) -> tuple[int, int, int]:
        return os.getuid(), os.getgid(), len(os.getgroups())

    def pid(self) -> int:
        return os.getpid()


def opened(limits: Limits | None = None) -> Worker:
    return Worker("libhostile", "/dev/sda1", Library, limits=limits or Limits())


def test_a_question_is_answered() -> None:
    assert opened().ask("add", 1, 2) == 3


def test_an_error_is_the_same_error_here() -> None:
    with pytest.raises(OddGuest, match="no such thing") as caught:
        opened().ask("odd")
    assert caught.value.hint == "look elsewhere"


@pytest.mark.parametrize("ask", ["fork", "fork_as_the_main_process"])
def test_no_process_is_started(ask: str) -> None:
    with pytest.raises(OSError, match="temporarily unavailable"):
        opened().ask(ask)


def test_no_file_is_read_or_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sesame")
    for place in (secret, Path("/etc/shadow")):
        with pytest.raises(OSError, match="Permission denied"):
            opened().ask("read", str(place))
    with pytest.raises(OSError, match="Permission denied"):
        opened().ask("write", str(secret))


@pytest.mark.skipif(os.geteuid() != 0, reason="root only")
def test_it_is_not_root() -> None:
    assert opened().ask("who") == (65534, 65534, 0)


def test_no_socket_is_made() -> None:
    """What it talks to was connected before."""
    with pytest.raises(OSError, match="Permission denied"):
        opened().ask("socket")


def test_nobody_is_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError, match="Permission denied"):
        opened().ask("connect", server.getsockname()[1])


def test_memory_ends() -> None:
    with pytest.raises(MemoryError):
        opened(Limits(memory=64 << 20)).ask("eat", 128 << 20)


@pytest.mark.parametrize(
    ("ask", "limits", "name"),
    [("crash", Limits(), "SIGSEGV"), ("loop", Limits(cpu=1), "SIG(XCPU|KILL)")],
)
def test_its_death_is_a_named_error(ask: str, limits: Limits, name: str) -> None:
    worker = opened(limits)
    with pytest.raises(BadImage, match=rf"/dev/sda1: libhostile crashed \({name}\)"):
        worker.ask(ask)
    with pytest.raises(BadImage, match="/dev/sda1: libhostile"):
        worker.ask("add", 1, 2)


def test_another_process_has_a_conversation_of_its_own() -> None:
    first = opened()
    second = first.another()
    assert [first.ask("pid"), second.ask("pid")] == [first.ask("pid")] * 2


def test_it_ends_with_the_last_who_could_ask() -> None:
    worker = opened()
    pid = worker.ask("pid")
    del worker
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_an_answer_makes_nothing_but_values() -> None:
    """A worker that was taken over answers whatever it likes."""

    class Evil:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return os.kill, (os.getpid(), signal.SIGKILL)

    ours, theirs = socket.socketpair()
    with ours, theirs:
        for message in (Evil(), Path("/"), [Evil()]):
            send(ours, message)
            with pytest.raises(EOFError):
                receive(theirs)
        ours.sendall((1 << 31).to_bytes(4, "little"))
        with pytest.raises(EOFError):
            receive(theirs)
        content = pickle.dumps({"a": (1, "x", b"y", None, [1.5])})
        ours.sendall(len(content).to_bytes(4, "little") + content)
        assert receive(theirs) == {"a": (1, "x", b"y", None, [1.5])}
