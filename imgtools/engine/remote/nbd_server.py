"""A small NBD server for one read-only disk: what QEMU, libnbd and nbdkit need as clients, and no more.

The numbers are those of the protocol's text (github.com/NetworkBlockDevice/nbd, doc/proto.md): fixed newstyle
negotiation with NBD_OPT_GO, structured replies, and the context base:allocation. The clients are programs of ours on a
private unix socket; what they ask is bounded all the same.
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from imgtools.engine.remote.origin import Stretch

GREETING = b"NBDMAGICIHAVEOPT"
OPTION, OPTION_REPLY = b"IHAVEOPT", 0x0003E889045565A9
REQUEST, SIMPLE_REPLY, STRUCTURED_REPLY = 0x25609513, 0x67446698, 0x668E33EF
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
READ_ONLY = 1 | 2 | 256  # NBD_FLAG_HAS_FLAGS, NBD_FLAG_READ_ONLY, NBD_FLAG_CAN_MULTI_CONN
# Options and what is replied to them.
EXPORT_NAME, ABORT, LIST, INFO, GO, STRUCTURED, LIST_CONTEXT, SET_CONTEXT = 1, 2, 3, 6, 7, 8, 9, 10
ACK, REP_SERVER, REP_INFO, REP_CONTEXT = 1, 2, 3, 4
UNSUPPORTED, INVALID, TOO_BIG = 0x80000001, 0x80000003, 0x80000009
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
# Requests, and pieces of a structured reply.
READ, WRITE, DISCONNECT, FLUSH, CACHE, BLOCK_STATUS = 0, 1, 2, 3, 5, 7
DONE, CHUNK_NONE, CHUNK_DATA, CHUNK_STATUS, CHUNK_ERROR = 1, 0, 1, 5, 32769
CONTEXT = b"base:allocation"
LARGEST = 32 << 20  # bytes in one request
LONGEST_OPTION = 4096  # bytes: the longest name of an export
MOST_OPTIONS = 64
AT_ONCE = 8  # requests of a client that are worked on
PREFERRED = 64 << 10


class Served(Protocol):
    """What the server serves."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes.

        :raises OSError: they cannot be had; its number is told.
        """

    def kept(self, offset: int, length: int) -> bytes | None:
        """Return them if that takes no time; None: they have to be fetched."""

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        """Return what is stored; nothing if it is not known."""


def serve_on(listener: socket.socket, served: Served) -> None:
    """Serve whoever connects, each in a thread of its own, until the process ends."""
    workers = ThreadPoolExecutor(AT_ONCE, "nbd")
    while True:
        talk, _ = listener.accept()
        client = _Client(talk, served, workers)
        threading.Thread(target=client.talk_until_it_leaves, name="nbd client", daemon=True).start()


class _Left(Exception):
    """The client is gone, or says what no client says."""


class _Client:
    """One connection."""

    def __init__(self, talk: socket.socket, served: Served, workers: ThreadPoolExecutor) -> None:
        self._talk, self._served, self._workers = talk, served, workers
        self._turn = threading.Lock()
        self._free = threading.Semaphore(AT_ONCE)
        self._is_structured = False
        self._tells_holes = False

    def talk_until_it_leaves(self) -> None:
        """Negotiate, and answer requests."""
        with self._talk, suppress(_Left, OSError):
            if self._negotiate():
                while self._answer_one():
                    pass

    def _exactly(self, size: int) -> bytes:
        content = bytearray(size)
        view, filled = memoryview(content), 0
        while filled < size:
            got = self._talk.recv_into(view[filled:])
            if not got:
                raise _Left
            filled += got
        return bytes(content)

    # -- negotiation ---------------------------------------------------------------------------------------

    def _negotiate(self) -> bool:
        """Agree upon the export; whether requests follow."""
        self._talk.sendall(GREETING + struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        (flags,) = struct.unpack(">I", self._exactly(4))
        for _ in range(MOST_OPTIONS):
            magic, option, length = struct.unpack(">8sII", self._exactly(16))
            if magic != OPTION or length > LONGEST_OPTION * 4:
                raise _Left
            data = self._exactly(length)
            if option == EXPORT_NAME:
                zeroes = b"" if flags & NO_ZEROES else bytes(124)
                self._talk.sendall(struct.pack(">QH", self._served.size, READ_ONLY) + zeroes)
                return True
            if option == ABORT:
                self._reply(option, ACK)
                return False
            if self._reply_to(option, data):
                return True
        return False

    def _reply_to(self, option: int, data: bytes) -> bool:
        """Reply to one option; whether the negotiation is over."""
        match option:
            case _ if option in (INFO, GO):
                size = struct.pack(">HQH", INFO_EXPORT, self._served.size, READ_ONLY)
                self._reply(option, REP_INFO, size)
                self._reply(option, REP_INFO, struct.pack(">HIII", INFO_BLOCK_SIZE, 1, PREFERRED, LARGEST))
            case _ if option == LIST and not data:
                self._reply(option, REP_SERVER, struct.pack(">I", 0))
            case _ if option == STRUCTURED and not data:
                self._is_structured = True
            case _ if option in (LIST_CONTEXT, SET_CONTEXT) and self._is_structured:
                wanted = CONTEXT in data
                self._tells_holes |= option == SET_CONTEXT and wanted
                if wanted:
                    self._reply(option, REP_CONTEXT, struct.pack(">I", 1) + CONTEXT)
            case _:
                self._reply(option, INVALID if option in (LIST, STRUCTURED, SET_CONTEXT) else UNSUPPORTED)
                return False
        self._reply(option, ACK)
        return option == GO

    def _reply(self, option: int, kind: int, data: bytes = b"") -> None:
        self._talk.sendall(struct.pack(">QIII", OPTION_REPLY, option, kind, len(data)) + data)

    # -- requests ------------------------------------------------------------------------------------------

    def _answer_one(self) -> bool:
        """Take one request; whether more may follow."""
        magic, _flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", self._exactly(28))
        if magic != REQUEST or kind in (DISCONNECT, WRITE):  # who writes to what is read only is none of ours
            return False
        is_inside = length > 0 and offset + length <= self._served.size
        if kind == FLUSH:
            self._send_data(cookie, b"")
        elif kind == READ and is_inside and length <= LARGEST:
            kept = self._served.kept(offset, length)
            if kept is None:
                self._later(lambda: self._read(cookie, offset, length))
            else:
                self._send_data(cookie, kept, offset)
        elif kind == BLOCK_STATUS and is_inside and self._tells_holes:
            self._later(lambda: self._tell_holes(cookie, offset, length))
        else:
            writes = kind not in (READ, CACHE, BLOCK_STATUS)
            self._send_error(cookie, errno.EPERM if writes else errno.EINVAL)
        return True

    def _later(self, work: Callable[[], None]) -> None:
        """Work on a request beside others, but not on too many of one client."""
        self._free.acquire()

        def do() -> None:
            is_answered = False
            try:
                work()
                is_answered = True
            except OSError:  # the client has left
                is_answered = True
            finally:
                self._free.release()
                if not is_answered:  # whoever waits for it shall not wait for ever
                    self._talk.shutdown(socket.SHUT_RDWR)

        self._workers.submit(do)

    def _read(self, cookie: int, offset: int, length: int) -> None:
        try:
            content = self._served.read(offset, length)
        except OSError as error:
            self._send_error(cookie, error.errno or errno.EIO)
            return
        self._send_data(cookie, content, offset)

    def _tell_holes(self, cookie: int, offset: int, length: int) -> None:
        try:
            found = self._served.stretches(offset, length) or [Stretch(length, 0)]
        except OSError as error:
            self._send_error(cookie, error.errno or errno.EIO)
            return
        pairs = b"".join(struct.pack(">II", stretch.length, stretch.flags) for stretch in found)
        self._send_chunk(cookie, CHUNK_STATUS, struct.pack(">I", 1) + pairs)

    def _send_data(self, cookie: int, content: bytes, offset: int = 0) -> None:
        if not self._is_structured:
            self._send(struct.pack(">IIQ", SIMPLE_REPLY, 0, cookie), content)
        elif content:
            self._send_chunk(cookie, CHUNK_DATA, struct.pack(">Q", offset), content)
        else:
            self._send_chunk(cookie, CHUNK_NONE, b"")

    def _send_error(self, cookie: int, number: int) -> None:
        # The protocol knows some of errno's numbers, and EIO and EINVAL are of them.
        number = number if number in (errno.EPERM, errno.EINVAL) else errno.EIO
        if self._is_structured:
            self._send_chunk(cookie, CHUNK_ERROR, struct.pack(">IH", number, 0))
        else:
            self._send(struct.pack(">IIQ", SIMPLE_REPLY, number, cookie))

    def _send_chunk(self, cookie: int, kind: int, head: bytes, content: bytes = b"") -> None:
        length = len(head) + len(content)
        self._send(struct.pack(">IHHQI", STRUCTURED_REPLY, DONE, kind, cookie, length) + head, content)

    def _send(self, head: bytes, content: bytes = b"") -> None:
        with self._turn:
            self._talk.sendall(head)
            if content:
                self._talk.sendall(content)
