"""One block layer for both engines: a disk image served read-only by qemu-nbd on a private unix socket.

QEMU reads every format, backing chain and internal snapshot; who asks sees one flat disk. QEMU is told the
whole node tree (``--image-opts``), never a bare file name, because it takes names such as ``nbd:x`` or
``json:{}`` for protocols and options. Which files the tree names was decided before, by ``disk/backing.py``.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgtools.engine.confined.fence import Judged
from imgtools.engine.confined.keeper import Kept, Program
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
LONGEST_BASE = 80  # bytes of the temporary folder's path
LARGEST_READ = 32 << 20  # bytes in one request: what qemu-nbd accepts (NBD_MAX_BUFFER_SIZE)

# Gives the server what sd_listen_fds(3) wants: who it is meant for, and the listening socket as descriptor 3.
BEGIN = "exec 3<&0 </dev/null; read -r _ <&1 || exit; exec >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=1"
CLEAN_UP = 'rm -rf "$1"'


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
        self._handle = _connect(socket_path, connected)
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


def _connect(path: str, connected: int) -> nbd.NBD:
    """Connect to a server that may still be opening its image.

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
        folder = _private_folder()
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        path = str(Path(folder) / "disk")
        objects, secrets = stack.enter_context(secret_objects(node.secrets))
        arguments = [*FLAGS, *objects, *words, "--image-opts", node.opts]
        kept, said = _spawn(path, folder, arguments, (*node.files, *node.sockets), secrets)
        stack.callback(said.close)
        stack.callback(kept.dismiss)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_end, kept)
        try:
            disk = NbdDisk(path, name, warning)
        except TimeoutError:
            raise EngineTimeout(
                f"{name}: qemu-nbd did not open the image within {START_SECONDS:g} s",
                hint="a damaged or hostile image can do this",
            ) from None
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                kept.program.wait(ENDING_SECONDS)
            code = _end(kept)
            raise _Refused(_sentence(said.read()), code) from None
        stack.callback(disk.close)
        yield disk


def _private_folder() -> str:
    """A folder of mode 0700 for the socket, whose path must fit into sockaddr_un (108 bytes with its end)."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > LONGEST_BASE:
        base = "/tmp"
    try:
        return tempfile.mkdtemp(prefix="imgtools-nbd-", dir=base)
    except OSError as error:
        raise HostError(
            f"{base}: {error.strerror}", hint="TMPDIR names another folder for temporary files"
        ) from None


def _spawn(
    path: str, folder: str, arguments: Sequence[str], files: Sequence[Path | Judged], secrets: Sequence[int]
) -> tuple[Kept, _Words]:
    """Start the server behind its keeper. Returns the keeper, and what the server says."""
    said, saying = os.pipe()
    # A hostile image can make qemu complain at every read: what does not fit into the pipe is dropped.
    os.set_blocking(saying, False)
    os.set_blocking(said, False)
    with ExitStack() as stack, socket.socket(socket.AF_UNIX) as listener:
        stack.callback(os.close, said)
        try:
            listener.bind(path)
            Path(path).chmod(
                0o666
            )  # in a folder of ours alone; who serves a LUKS volume of this disk is not root
            listener.listen(16)
            program = Program(
                [require("qemu-nbd"), *arguments],
                Fence(Kind.SERVER, tuple(files)),
                BEGIN,
                listener.fileno(),
                saying,
                secrets,
                ends_by=signal.SIGKILL,
            )
            kept = Kept(program, CLEAN_UP, [folder])
        finally:
            os.close(saying)
        stack.pop_all()
    return kept, _Words(said)


class _Words:
    """What the server has said on standard error so far."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> str:
        """Return it; at most what the pipe holds."""
        try:
            return os.read(self._descriptor, 65536).decode("utf-8", "replace")
        except BlockingIOError:
            return ""

    def close(self) -> None:
        os.close(self._descriptor)


def _end(kept: Kept) -> int:
    """End the server, and return its exit code; may be called twice."""
    kept.program.kill()
    return kept.program.wait()


def _sentence(words: str) -> str:
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
