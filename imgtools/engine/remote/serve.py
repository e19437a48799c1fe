"""The door of the room: a remote image in, a disk on a private unix socket out.

What talks to the server is a process of its own, behind a fence: a copy of imgtools for HTTP and NBD; a program of
others (nbdkit for SSH, qemu-nbd for iSCSI and RBD) for the rest, with such a copy before it that keeps what was
fetched. If the server fails while the image is read, whoever reads gets an error of input and output, and leaving the
block raises what it really was.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from imgtools.engine.confined.kinds import Kind
from imgtools.engine.confined.worker import Worker
from imgtools.engine.held_folder import scratch_folder
from imgtools.engine.listening_server import listening, socket_base
from imgtools.engine.remote.address import parse_address
from imgtools.engine.remote.between import NETWORK_SETTINGS, Between
from imgtools.engine.remote.block_cache import BlockCache
from imgtools.engine.remote.nbd_server import serve_on
from imgtools.engine.remote.origin import Origin, Stretch
from imgtools.errors import BadImage, EngineFailed, ImgtoolsError
from imgtools.records.remote import Address, RemoteFacts, RemoteOptions, Traffic

log = logging.getLogger(__name__)

# Loaded before the fence is up: those of the encodings that host names are written in are found late otherwise.
IMPORTS = {
    "http": ("imgtools.engine.remote.http_origin", "encodings.idna"),
    "nbd": ("nbd", "imgtools.engine.remote.nbd_origin"),
}
# Schemes behind a program of others: the module that starts it.
_PROGRAMS = {"ssh": "ssh", "iscsi": "iscsi", "rbd": "rbd"}


class RemoteDisk(NamedTuple):
    """A remote image that is served here.

    :param socket: the path of the unix socket; its export has the empty name, and holds the image's bytes as they are.
    """

    socket: str
    facts: RemoteFacts
    traffic: Callable[[], Traffic]


@contextmanager
def serve_remote(
    uri: str, options: RemoteOptions | None = None, name: str = "remote"
) -> Iterator[RemoteDisk]:
    """Serve a remote image read-only until the block ends; several clients may connect to its socket.

    :param name: of the socket, in a folder of its own.
    :raises UsageError: the URI is not one that is read here.
    :raises RemoteUnreachable: there is no connection; RemoteTimeout, RemoteNotFound, RemoteDenied, RemoteUntrusted,
        RemoteUnfit, RemoteFailed: the server does not give the image.
    :raises RemoteChanged: when the block ends: the image was changed in it.
    :raises ToolMissing: a program that this scheme needs is not installed.
    """
    address, chosen = parse_address(uri), options or RemoteOptions()
    with ExitStack() as stack:
        between: Between | None = None
        if module := _PROGRAMS.get(address.scheme):
            start = importlib.import_module(f"imgtools.engine.remote.{module}").started
            between = stack.enter_context(start(address, chosen))
            assert isinstance(between, Between)
        yield from _served(stack, address, chosen, between, name)


def _served(
    stack: ExitStack, address: Address, options: RemoteOptions, between: Between | None, name: str
) -> Iterator[RemoteDisk]:
    # Nobody keeps it for us: if we are killed, the next run takes it away.
    folder = stack.enter_context(scratch_folder(socket_base()))
    path = str(folder / name)
    worker = _start(path, address, options, between)
    stack.callback(worker.end)
    fetcher = _Fetcher(worker, address, between)
    disk = RemoteDisk(path, fetcher.facts(), fetcher.traffic)
    log.info("%s: %d bytes, served at %s", disk.facts.uri, disk.facts.size, path)
    try:
        yield disk
    except (ImgtoolsError, OSError) as error:
        fetcher.raise_fault(error)
        raise
    fetcher.raise_fault(None)
    fetcher.check()
    traffic = fetcher.traffic()
    log.info("%s: %d bytes were fetched, in %d requests", disk.facts.uri, traffic.fetched, traffic.requests)


def _start(path: str, address: Address, options: RemoteOptions, between: Between | None) -> Worker:
    """Start the copy of ours. Socket and file are its alone: when it ends, its clients see that."""
    make = _maker(address, options, between)
    with listening(path) as listener, tempfile.TemporaryFile(buffering=0) as cache:
        room = min(options.cache, _room(cache.fileno()))
        return Worker(
            "imgtools-remote",
            address.shown,
            lambda: _Service(make, listener.fileno(), cache.fileno(), room),
            descriptors=(listener.fileno(), cache.fileno()),
            reads=_reads(address, between),
            kind=Kind.NEIGHBOUR if address.scheme == "nbd+unix" else Kind.FETCHER,
            imports=IMPORTS["http" if address.scheme.startswith("http") else "nbd"],
        )


def _room(descriptor: int) -> int:
    """Half of what the temporary folder has left: others use it, too."""
    found = os.fstatvfs(descriptor)
    return found.f_bavail * found.f_frsize // 2


def _maker(address: Address, options: RemoteOptions, between: Between | None) -> Callable[[], Origin]:
    """What opens the image, in the copy of ours. What it has to know of this user it is told before."""
    if address.scheme in ("http", "https"):
        from imgtools.engine.remote.netrc_login import find_login  # late: others do without
        from imgtools.engine.remote.proxy import find_proxy

        login = find_login(address.host)

        def make_http() -> Origin:
            from imgtools.engine.remote.http_origin import HttpOrigin

            return HttpOrigin(address, options, login, find_proxy)

        return make_http

    def make_nbd() -> Origin:
        from imgtools.engine.remote.nbd_origin import NbdOrigin

        return NbdOrigin(address, options, between.socket if between else "")

    return make_nbd


def _reads(address: Address, between: Between | None) -> tuple[Path, ...]:
    """What the copy of ours may open: how names are found, whom it trusts, and the files that the URI names."""
    names: list[str | None] = [*NETWORK_SETTINGS]
    if address.scheme == "https":
        import ssl

        trusted = ssl.get_default_verify_paths()
        names += [trusted.cafile, trusted.capath, trusted.openssl_cafile, trusted.openssl_capath]
        names += [os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")]
    names += [address.option(name) for name in ("socket", "tls-certificates", "tls-psk-file")]
    names += [between.socket] if between else []
    return tuple(Path(name) for name in dict.fromkeys(names) if name)


class _Fetcher:
    """The copy of ours, as we ask it."""

    def __init__(self, worker: Worker, address: Address, between: Between | None) -> None:
        self._worker, self._address, self._between = worker, address, between

    def facts(self) -> RemoteFacts:
        """Open the image, and begin to serve it."""
        uri, scheme, size, etag, modified, server = self._ask("begin")
        return RemoteFacts(str(uri), str(scheme), int(size), str(etag), str(modified), str(server))

    def traffic(self) -> Traffic:
        """What was fetched so far."""
        return Traffic(*self._ask("traffic"))

    def raise_fault(self, error: Exception | None) -> None:
        """Raise what went wrong with the server, if anything has.

        :param error: what it looked like from here.
        """
        try:
            self._ask("raise_fault")
        except ImgtoolsError as fault:
            raise fault from error

    def check(self) -> None:
        """Make sure that it was one image all the time."""
        self._ask("check")

    def _ask(self, method: str) -> Any:  # Any: as Worker.ask
        try:
            return self._worker.ask(method)
        except BadImage:
            if not self._worker.has_ended:
                raise
            raise EngineFailed(
                f"{self._address.shown}: the process that reads it has ended",
                hint="the host may be out of memory; what was read is not used",
            ) from None
        except ImgtoolsError as error:
            if self._between is not None and (found := self._between.named()) is not None:
                raise found from error
            raise


# -- in the copy of ours ----------------------------------------------------------------------------------


class _Service:
    """Serves the image from a cache, and remembers what went wrong first."""

    def __init__(self, make: Callable[[], Origin], listener: int, cache: int, room: int) -> None:
        self._origin = make()
        self.size = self._origin.facts.size
        self._listener = listener
        self._cache = BlockCache(self._origin.read, self.size, cache, room)
        self._fault: ImgtoolsError | None = None

    # What we are asked; answers are plain values.

    def begin(self) -> tuple[str | int, ...]:
        listener = socket.socket(fileno=self._listener)
        threading.Thread(target=serve_on, args=(listener, self), name="nbd", daemon=True).start()
        facts = self._origin.facts
        return facts.uri, facts.scheme, facts.size, facts.etag, facts.modified, facts.server

    def traffic(self) -> tuple[int, int, int]:
        return self._cache.fetched, self._cache.requests, self._origin.retries

    def raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def check(self) -> None:
        self._origin.check()

    # What clients ask.

    def read(self, offset: int, length: int) -> bytes:
        if self._fault is not None:
            self._fail()
        try:
            return self._cache.read(offset, length)
        except ImgtoolsError as error:
            self._fault = self._fault or error
            self._fail()

    def kept(self, offset: int, length: int) -> bytes | None:
        return None if self._fault is not None else self._cache.kept(offset, length)

    def stretches(self, offset: int, length: int) -> Sequence[Stretch]:
        if self._fault is not None:
            self._fail()
        try:
            return self._origin.stretches(offset, length)
        except ImgtoolsError as error:
            self._fault = self._fault or error
            self._fail()

    def _fail(self) -> NoReturn:
        raise OSError("the server does not give it")
