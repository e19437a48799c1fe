"""Our NBD server, held against libnbd, and against clients that say what no client says."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbd
import pytest

from imgtools.engine.remote import nbd_server
from imgtools.engine.remote.nbd_origin import NbdOrigin
from imgtools.engine.remote.origin import Stretch
from imgtools.errors import ImgtoolsError, RemoteChanged, RemoteFailed
from imgtools.records.remote import Address, RemoteOptions

CONTENT = random.Random(2).randbytes(300_001)


class Disk:
    """What is served."""

    def __init__(self) -> None:
        self.size = len(CONTENT)
        self.known: list[Stretch] = []
        self.fails = False

    def read(self, offset: int, length: int) -> bytes:
        if self.fails:
            raise OSError("it does not")
        return CONTENT[offset : offset + length]

    def kept(self, offset: int, length: int) -> bytes | None:
        return None if self.fails or offset % 2 else CONTENT[offset : offset + length]

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        return self.known


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def path(disk: Disk, tmp_path: Path) -> Iterator[str]:
    where = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where)
        listener.listen()

        def serve() -> None:
            try:
                nbd_server.serve_on(listener, disk)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield where
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def client(path: str, *, structured: bool = True, context: bool = True) -> nbd.NBD:
    handle = nbd.NBD()
    handle.set_request_structured_replies(structured)
    if context:
        handle.add_meta_context("base:allocation")
    handle.connect_unix(path)
    return handle


@pytest.mark.parametrize("structured", [True, False])
def test_libnbd_reads_it(path: str, structured: bool) -> None:
    handle = client(path, structured=structured)
    assert handle.get_size() == len(CONTENT)
    assert handle.is_read_only() and handle.can_multi_conn()
    for offset, length in ((0, 1), (7, 200_000), (len(CONTENT) - 1, 1), (0, len(CONTENT))):
        assert handle.pread(length, offset) == CONTENT[offset : offset + length]
    handle.shutdown()


def test_an_old_client_reads_it(path: str) -> None:
    """NBD_OPT_EXPORT_NAME, without the option that leaves out the zeroes."""
    with socket.socket(socket.AF_UNIX) as talk:
        talk.connect(path)
        assert talk.recv(18)[:16] == b"NBDMAGICIHAVEOPT"
        talk.sendall(struct.pack(">I", 1) + struct.pack(">8sII", b"IHAVEOPT", 1, 0))
        answer = talk.recv(134, socket.MSG_WAITALL)
        assert struct.unpack(">QH", answer[:10])[0] == len(CONTENT)
        assert answer[10:] == bytes(124)
        talk.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 77, 3, 4))
        assert talk.recv(20, socket.MSG_WAITALL) == struct.pack(">IIQ", 0x67446698, 0, 77) + CONTENT[3:7]


def test_holes_are_told_where_they_are_known(path: str, disk: Disk) -> None:
    handle = client(path)
    found: list[int] = []

    def note(_context: str, _offset: int, entries: list[int], _error: object) -> None:
        found.extend(entries)

    handle.block_status(1000, 0, note)
    assert found == [1000, 0]
    disk.known = [Stretch(400, 0), Stretch(600, 3)]
    found.clear()
    handle.block_status(1000, 0, note)
    assert found == [400, 0, 600, 3]


@pytest.mark.parametrize("structured", [True, False])
def test_a_failure_is_one_of_that_request_alone(path: str, disk: Disk, structured: bool) -> None:
    handle = client(path, structured=structured)
    disk.fails = True
    with pytest.raises(nbd.Error, match="Input/output"):
        handle.pread(10, 0)
    disk.fails = False
    assert handle.pread(10, 0) == CONTENT[:10]


def test_nothing_can_be_written(path: str) -> None:
    handle = client(path)
    handle.set_strict_mode(0)
    for ask in (handle.trim, handle.zero):
        with pytest.raises(nbd.Error):
            ask(100, 0)
    assert handle.pread(1, 0) == CONTENT[:1]
    with pytest.raises(nbd.Error):
        handle.pwrite(b"x", 0)


def test_reads_beyond_the_end_are_refused(path: str) -> None:
    handle = client(path)
    handle.set_strict_mode(0)
    with pytest.raises(nbd.Error):
        handle.pread(2, len(CONTENT) - 1)
    assert handle.pread(1, 0) == CONTENT[:1]


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"GET / HTTP/1.0\r\n\r\n" + bytes(100),
        struct.pack(">I", 3) + struct.pack(">8sII", b"IHAVEOPT", 7, 0xFFFFFFFF),
        struct.pack(">I", 3) + struct.pack(">8sII", b"IHAVEOPT", 99, 0) * 100,
        struct.pack(">I", 3) + struct.pack(">8sII", b"IHAVEOPT", 1, 0) + bytes(28),
    ],
)
def test_nonsense_ends_that_connection_alone(path: str, words: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as talk:
        talk.connect(path)
        talk.settimeout(30)
        talk.sendall(words)
        talk.shutdown(socket.SHUT_WR)
        try:
            while talk.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert client(path).pread(3, 0) == CONTENT[:3]


def test_unknown_options_and_lists_are_answered(path: str) -> None:
    handle = nbd.NBD()
    handle.set_opt_mode(True)
    handle.connect_unix(path)
    names: list[str] = []
    handle.opt_list(lambda name, _description: names.append(name))
    assert names == [""]
    handle.opt_info()
    assert handle.get_size() == len(CONTENT)
    handle.opt_go()
    assert handle.pread(2, 0) == CONTENT[:2]


# -- our client, against our server -------------------------------------------------------------------------


def origin(path: str) -> NbdOrigin:
    return NbdOrigin(Address("nbd+unix", "", "", options=(("socket", path),)), RemoteOptions(60.0))


def test_our_client_reads_it(path: str, disk: Disk) -> None:
    disk.known = [Stretch(100, 1)]
    remote = origin(path)
    assert remote.facts.size == len(CONTENT)
    assert remote.read(5, 250_000) == CONTENT[5:250_005]
    assert remote.stretches(0, 100) == [Stretch(100, 1)]
    remote.check()


def test_our_client_notices_another_size(path: str, disk: Disk) -> None:
    remote = origin(path)
    disk.size -= 1
    with pytest.raises(RemoteChanged, match="300001 bytes and has 300000"):
        remote.check()


def test_our_client_names_what_the_server_cannot_read(path: str, disk: Disk) -> None:
    remote = origin(path)
    disk.fails = True
    with pytest.raises(RemoteFailed, match="cannot read it"):
        remote.read(0, 10)


def test_our_client_connects_again_once(path: str, disk: Disk) -> None:
    remote = origin(path)
    with remote._pool.one() as handle:
        handle.shutdown()
    assert remote.read(0, 10) == CONTENT[:10]
    assert remote.retries == 1


def test_an_empty_export_is_no_image(path: str, disk: Disk) -> None:
    disk.size = 0
    with pytest.raises(ImgtoolsError, match="is empty"):
        origin(path)
