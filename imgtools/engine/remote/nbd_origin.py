"""An export of an NBD server, read by libnbd: over TCP, TLS or a unix socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from imgtools.engine.remote.connecting import named_failure, refused, timed_out
from imgtools.engine.remote.origin import MOST_CONNECTIONS, Pool, Stretch
from imgtools.errors import (
    BadImage,
    ImgtoolsError,
    RemoteChanged,
    RemoteDenied,
    RemoteFailed,
    RemoteNotFound,
    RemoteUnfit,
    RemoteUnreachable,
    RemoteUntrusted,
    ToolMissing,
)
from imgtools.records.remote import Address, RemoteFacts, RemoteOptions

if TYPE_CHECKING:
    import nbd

PORT = 10809  # IANA
CONTEXT = "base:allocation"
MOST = 32 << 20  # bytes in one request that every server takes (doc/proto.md, block size constraints)
CUT = frozenset({"ECONNRESET", "EPIPE", "ENOTCONN", "ESHUTDOWN", "ECONNABORTED"})


class NbdOrigin:
    """Implements :class:`imgtools.engine.remote.origin.Origin`.

    :param server: the unix socket of a server of ours that stands between; then the address is only shown.
    """

    def __init__(self, address: Address, options: RemoteOptions, server: str = "") -> None:
        self._address, self._timeout = address, options.timeout
        self._server = server
        self.retries = 0
        first = self._connect()
        self._size = first.get_size()
        if self._size <= 0:
            raise BadImage(f"not a disk image: {address.shown} is empty")
        self._grain = max(1, first.get_block_size(0))
        self._most = min(MOST, first.get_block_size(2) or MOST)
        self._tells_holes = first.can_meta_context(CONTEXT)
        # qemu-nbd, for one, serves a single client unless it is told otherwise: a second would wait for ever.
        self._takes_several = first.can_multi_conn()
        most = MOST_CONNECTIONS if self._takes_several else 1
        self._pool: Pool[nbd.NBD] = Pool(self._connect_again, _leave, most)
        self._pool.put(first)
        self.facts = RemoteFacts(address.shown, address.scheme, self._size)

    # -- the protocol of origins ---------------------------------------------------------------------------

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes; as :meth:`Origin.read`."""
        start = offset - offset % self._grain
        end = min(self._size, -(-(offset + length) // self._grain) * self._grain)
        got = bytearray()
        while start + len(got) < end:
            got += self._piece(start + len(got), min(self._most, end - start - len(got)))
        return bytes(got[offset - start : offset - start + length])

    def _piece(self, offset: int, length: int) -> bytes:
        """Read one piece; a connection that was cut is made anew, once."""
        try:
            return self._ask_piece(offset, length)
        except _Cut:
            self.retries += 1
            self._pool.drop()
        try:
            return self._ask_piece(offset, length)
        except _Cut:
            raise RemoteFailed(
                f"{self._shown}: the connection was cut, twice in a row",
                hint="look at the server and the way to it; what was read is not used",
            ) from None

    def _ask_piece(self, offset: int, length: int) -> bytes:
        import nbd

        with self._pool.one() as handle:
            buffer = nbd.Buffer(length)
            self._wait(handle, lambda: handle.aio_pread(buffer, offset))
            return bytes(buffer.to_bytearray())

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        """Return what is stored in a part; nothing if the server cannot tell."""
        if not self._tells_holes or offset % self._grain:
            return ()
        found: list[int] = []

        def note(_context: str, _offset: int, entries: list[int], _error: object) -> None:
            found.extend(entries)

        try:
            with self._pool.one() as handle:
                whole = max(self._grain, length - length % self._grain)
                self._wait(handle, lambda: handle.aio_block_status(whole, offset, note))
        except _Cut:  # reading will tell
            return ()
        return [Stretch(*pair) for pair in zip(found[::2], found[1::2], strict=True) if pair[0] > 0]

    def check(self) -> None:
        """Make sure that the export has the size that it had.

        :raises RemoteChanged: it has not.
        """
        if (
            not self._takes_several
        ):  # of a server between us and others the last client must not go: it ends then
            self._pool.drop()
        _leave(self._connect_again())

    # -- connections ---------------------------------------------------------------------------------------

    @property
    def _shown(self) -> str:
        return self._address.shown

    def _connect_again(self) -> nbd.NBD:
        """A further connection, which has to lead to an export of the same size."""
        handle = self._connect()
        if handle.get_size() != self._size:
            found = handle.get_size()
            _leave(handle)
            raise RemoteChanged(
                f"{self._shown} was changed while it was read: it had {self._size} bytes and has {found}",
                hint="run it again, when nobody changes the image",
            )
        return handle

    def _connect(self) -> nbd.NBD:
        """Connect, and agree upon the export.

        :raises ImgtoolsError: each way in which this fails has its own.
        """
        try:
            import nbd
        except ImportError:
            raise ToolMissing(
                "the libnbd binding is not installed", hint="apt-get install python3-libnbd"
            ) from None
        handle = nbd.NBD()
        handle.add_meta_context(CONTEXT)
        handle.set_export_name("" if self._server else self._address.place)
        deadline = time.monotonic() + self._timeout
        try:
            self._begin(handle)
            while not handle.aio_is_ready():
                if handle.aio_is_dead() or handle.aio_is_closed():
                    raise RemoteFailed(f"{self._shown}: the server ended the connection")
                _acknowledge(handle)
                self._poll(handle, deadline)
        except nbd.Error as error:
            raise self._named(error) from None
        except OSError as error:
            raise named_failure(error, self._shown, self._timeout) from None
        return handle

    def _begin(self, handle: nbd.NBD) -> None:
        """Connect the socket; over TLS libnbd does, because the certificate has to be that of the host."""
        import nbd

        address = self._address
        if self._server or address.scheme == "nbd+unix":
            talk = socket.socket(socket.AF_UNIX)
            talk.settimeout(self._timeout)
            try:
                talk.connect(self._server or address.option("socket"))
            except FileNotFoundError:
                talk.close()
                raise RemoteUnreachable(
                    f"{self._shown}: there is no such socket", hint="check the path, and start the server"
                ) from None
            handle.aio_connect_socket(talk.detach())
        elif address.scheme == "nbds":
            handle.set_tls(nbd.TLS_REQUIRE)
            if folder := address.option("tls-certificates"):
                handle.set_tls_certificates(folder)
            if file := address.option("tls-psk-file"):
                handle.set_tls_psk_file(file)
            if user := address.option("tls-username"):
                handle.set_tls_username(user)
            handle.aio_connect_tcp(address.host, str(address.port or PORT))
        else:
            talk = socket.create_connection((address.host, address.port or PORT), self._timeout)
            talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as libnbd has it where it connects
            handle.aio_connect_socket(talk.detach())

    def _wait(self, handle: nbd.NBD, begin: Callable[[], int]) -> None:
        """Send a request and wait for its answer.

        :raises _Cut: the connection broke.
        :raises ImgtoolsError: the server says no, or nothing.
        """
        import nbd

        deadline = time.monotonic() + self._timeout
        try:
            cookie = begin()
            while not handle.aio_command_completed(cookie):
                self._poll(handle, deadline)
        except nbd.Error as error:
            if error.errno in CUT or handle.aio_is_dead() or handle.aio_is_closed():
                raise _Cut from None
            raise RemoteFailed(
                f"{self._shown}: the server cannot read it: {_words(error)}", hint="look at the server's log"
            ) from None

    def _poll(self, handle: nbd.NBD, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise timed_out(self._shown, self._timeout)
        handle.poll(max(1, int(left * 1000)))

    def _named(self, error: nbd.Error) -> ImgtoolsError:
        """What libnbd's error is, by its number and words (libnbd's lib/errors.c, generator/states-*.c)."""
        words, shown = _words(error), self._shown
        match error.errno:
            case "ENOENT":
                return RemoteNotFound(
                    f"{shown}: the server has no such export", hint="nbdinfo --list shows them"
                )
            case "ECONNREFUSED":
                return refused(shown)
            case "EPERM" | "EACCES":
                return RemoteDenied(f"{shown}: the server does not let us read it: {words}")
            case "ENOTSUP" if "TLS" in words and "refused" in words:
                return RemoteUnfit(f"{shown}: the server does not speak TLS", hint="nbd:// is without")
        if ("policy" in words and "TLS" in words) or "server requires TLS" in words:
            return RemoteUnfit(f"{shown}: the server speaks TLS only", hint="nbds:// is with it")
        if "gnutls" in words.lower() or "certificate" in words:
            return RemoteUntrusted(
                f"{shown}: TLS fails: {words}",
                hint="?tls-certificates=FOLDER has ca-cert.pem of who to trust",
            )
        if "resolv" in words or "getaddrinfo" in words:
            return RemoteUnreachable(
                f"{shown}: there is no host of that name", hint="check the name, and DNS"
            )
        if "magic" in words:
            return RemoteUnfit(f"{shown}: the server does not speak NBD there", hint="check the port")
        return RemoteFailed(f"{shown}: {words}")


class _Cut(Exception):
    """The connection broke."""


def _words(error: nbd.Error) -> str:
    """libnbd's words without the names of its functions, on one line."""
    words = "".join(letter for letter in error.string if letter.isprintable())
    return words.removeprefix("nbd_poll: ").removeprefix("handshake: ")[:300]


def _acknowledge(handle: nbd.NBD) -> None:
    """Tell a server over TCP at once what has come: the second of two answers waits for that.

    qemu-nbd sends them in packets of their own, with Nagle's algorithm on, and Linux tells 40 ms later (tcp(7),
    TCP_QUICKACK, which does not last): 0.08 s of each handshake.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(handle.aio_get_fd())) as talk:
        talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _leave(handle: nbd.NBD) -> None:
    import nbd

    try:
        handle.shutdown()
    except nbd.Error:  # it is gone already
        return
