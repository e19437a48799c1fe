"""One block layer for both engines: a disk image served read-only by qemu-nbd on a private unix socket.

QEMU reads every format, backing chain and internal snapshot; who asks sees one flat disk. QEMU is told the
whole node tree (``--image-opts``), never a bare file name, because it takes names such as ``nbd:x`` or
``json:{}`` for protocols and options. Which files the tree names was decided before, by ``disk/backing.py``.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from imgtools.engine.listening_server import listening_server
from imgtools.engine.process import Fence, Kind, crashed, require, signal_name
from imgtools.engine.qemu.nodes import (
    KEY_HINT,
    Node,
    chain_node,
    luks_node,
    nbd_node,
    secret_objects,
    snapshot_option,
    window,
)
from imgtools.engine.qemu.unlock import Keyring
from imgtools.errors import BadImage, EngineTimeout, HostError, ImgtoolsError, KeyNeeded, ToolMissing
from imgtools.records.image import ImageInfo
from imgtools.records.request import Secret
from imgtools.volumes.volume_file import DiskFile, Extent

if TYPE_CHECKING:
    import nbd

__all__ = ["Allocation", "DiskFile", "NbdDisk", "serve_disk", "serve_luks"]

log = logging.getLogger(__name__)

START_SECONDS = 60.0  # to open the image; 7 ms are usual
ENDING_SECONDS = 5.0  # from the end of its socket to its own
LARGEST_READ = 32 << 20  # bytes in one request: what qemu-nbd accepts (NBD_MAX_BUFFER_SIZE)


class Allocation(NamedTuple):
    """A stretch of the disk: whether anything is stored there, and whether it reads as zeros."""

    offset: int
    length: int
    hole: bool
    zero: bool


class NbdDisk:
    """A connection to a served disk; implements :class:`imgtools.engine.api.DiskServer`.

    :param warning: what a user should know of the way this disk was opened; empty as a rule.
    :param connected: a socket that is connected to the server already; it is ours then.
    """

    def __init__(self, socket_path: str, name: str, warning: str = "", connected: int = -1) -> None:
        self._warning = warning
        self._socket = socket_path
        self._name = name
        self._handle = connect(socket_path, connected)
        self._size = self._handle.get_size()
        # Encrypted images, among others, are read in whole sectors only.
        self._grain = max(1, self._handle.get_block_size(0))

    @property
    def socket(self) -> str:
        return self._socket

    @property
    def size(self) -> int:
        return self._size

    @property
    def warning(self) -> str:
        return self._warning

    def read(self, offset: int, length: int) -> bytes:
        length = min(length, self._size - offset)
        if length <= 0:
            return b""
        if offset % self._grain or length % self._grain:
            return self._read_whole_grains(offset, length)
        if length <= LARGEST_READ:
            return bytes(self._pread(length, offset))
        parts = bytearray()
        while length > 0:
            part = self._pread(min(length, LARGEST_READ), offset)
            parts += part
            offset += len(part)
            length -= len(part)
        return bytes(parts)

    def _read_whole_grains(self, offset: int, length: int) -> bytes:
        start = offset - offset % self._grain
        end = min(self._size, -(-(offset + length) // self._grain) * self._grain)
        if end % self._grain:  # the odd end of the disk cannot be asked for
            end = self._size - self._size % self._grain
        around = self.read(start, end - start)
        return around[offset - start : offset - start + length]

    def _pread(self, length: int, offset: int) -> bytearray:
        import nbd

        try:
            return self._handle.pread(length, offset)
        except nbd.Error as error:
            raise BadImage(
                f"{self._name}: cannot read {length} bytes at {offset}: {error.string}",
                hint="the image is damaged (see qemu-img check), or another program holds it",
            ) from None

    def allocations(self) -> Iterator[Allocation]:
        """Yield the whole disk, stretch by stretch: what is a hole and what reads as zeros."""
        offset = 0
        while offset < self._size:
            found: list[int] = []

            def note(
                _context: str, _offset: int, entries: list[int], _error: int, found: list[int] = found
            ) -> None:
                found.extend(entries)

            self._handle.block_status(min(self._size - offset, 1 << 31), offset, note)
            for length, flags in zip(found[::2], found[1::2], strict=True):
                length = min(length, self._size - offset)
                # Bits of base:allocation, NBD protocol: 1 = hole, 2 = reads as zeros.
                yield Allocation(offset, length, bool(flags & 1), bool(flags & 2))
                offset += length

    def close(self) -> None:
        """Leave the server."""
        import nbd

        try:
            self._handle.shutdown()
        except nbd.Error:
            log.debug("%s: the server has gone already", self._name)


def connect(path: str, connected: int = -1, export: str = "") -> nbd.NBD:
    """Connect to a server that may still be opening its image.

    :param connected: a socket that is connected to it already.

    :raises OSError: it went away, or it did not answer in time (TimeoutError).
    """
    try:
        import nbd
    except ImportError:
        raise ToolMissing(
            "the libnbd binding is not installed", hint="apt-get install python3-libnbd"
        ) from None
    handle = nbd.NBD()
    handle.add_meta_context("base:allocation")
    if export:
        handle.set_export_name(export)
    deadline = time.monotonic() + START_SECONDS
    try:
        if connected >= 0:
            handle.aio_connect_socket(connected)
        else:
            handle.aio_connect_unix(path)
        while not handle.aio_is_ready():
            if handle.aio_is_dead() or handle.aio_is_closed():
                raise ConnectionError("the server ended")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            handle.poll(int(left * 1000))
    except nbd.Error as error:
        raise ConnectionError(error.string) from None
    return handle


# -- starting the server ----------------------------------------------------------------------------------


@contextmanager
def serve_disk(info: ImageInfo, keys: Keyring | None = None) -> Iterator[NbdDisk]:
    """Serve one disk image read-only until the block ends; several clients may connect to its socket.

    An image that a running guest holds for writing is opened all the same, and the disk has a ``warning``.

    :param keys: for encrypted images.
    :raises KeyNeeded: the image is encrypted and no key opens it.
    :raises BadImage: QEMU refuses the image; the message is QEMU's sentence.
    :raises HostError: the file cannot be read.
    """
    name = info.source.name
    node = chain_node(info.chain, (keys or Keyring()).key_for)
    words = [f"--load-snapshot={snapshot_option(info)}"] if info.source.snapshot is not None else []
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(_server(name, node, words))
        except _Refused as refused:
            if '"write" lock' not in refused.words:
                raise refused.named(name, KEY_HINT) from None
            try:
                disk = stack.enter_context(_server(name, node.plus(("force-share", "on")), words, IN_USE))
            except _Refused as again:
                raise again.named(name, KEY_HINT) from None
        yield disk


@contextmanager
def serve_luks(place: Extent, name: str, key: Secret) -> Iterator[NbdDisk]:
    """Serve what a LUKS1 volume in a served disk holds, decrypted by QEMU, until the block ends.

    :param name: the volume's device, for messages.
    :raises KeyNeeded: the key does not open it.
    :raises BadImage: QEMU does not know its cipher, or its header is damaged.
    """
    node = luks_node(window(nbd_node(place.server.socket), place.offset, place.length), key)
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(_server(name, node))
        except _Refused as refused:
            raise refused.named(name, f"give its key with --key {name}:file:PATH") from None
        yield disk


class _Refused(Exception):
    """qemu-nbd ended instead of serving."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.words = words
        self.code = code

    def named(self, name: str, key_hint: str) -> ImgtoolsError:
        """The error that a user meets."""
        words = self.words
        if crashed(self.code) and self.code not in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return BadImage(
                f"{name}: qemu-nbd crashed on this image ({signal_name(self.code)})",
                hint="it is damaged or hostile",
            )
        if "keyslot" in words or "password" in words.lower():
            return KeyNeeded(f"{name} is encrypted and the key does not open it", hint=key_hint)
        if "Permission denied" in words or "No such file or directory" in words:
            return HostError(f"{name}: {words}", hint="check the path and its permissions")
        return BadImage(f"{name}: {words}", hint="`imgtools info` and `qemu-img check` tell more of the file")


IN_USE = "the image is in use by another program: what is read from it may be half written"
FLAGS = ("--read-only", "--shared=0")


@contextmanager
def _server(name: str, node: Node, words: Sequence[str] = (), warning: str = "") -> Iterator[NbdDisk]:
    """Start one qemu-nbd, connect to it, and end it with the block."""
    with ExitStack() as stack:
        objects, secrets = stack.enter_context(secret_objects(node.secrets))
        argv = [require("qemu-nbd"), *FLAGS, *objects, *words, "--image-opts", node.opts]
        fence = Fence(Kind.SERVER, (*node.files, *node.sockets))
        server = stack.enter_context(listening_server(argv, fence, secrets))
        try:
            disk = NbdDisk(server.socket, name, warning)
        except TimeoutError:
            raise EngineTimeout(
                f"{name}: qemu-nbd did not open the image within {START_SECONDS:g} s",
                hint="a damaged or hostile image can do this",
            ) from None
        except OSError:
            code = server.end(ENDING_SECONDS)
            raise _Refused(sentence(server.words()), code) from None
        stack.callback(disk.close)
        yield disk


def sentence(words: str) -> str:
    """qemu-nbd's complaint without the program's name and our own options, which it repeats."""
    kept = []
    for line in words.splitlines():
        line = line.strip().removeprefix("qemu-nbd: ")
        if not line or line.startswith("warning:"):
            continue
        if line.startswith("Failed to blk_new_open '"):
            line = line.rpartition("': ")[2] if "': " in line else line
        kept.append(line)
    return " ".join(kept) or "qemu-nbd ended without a word"
