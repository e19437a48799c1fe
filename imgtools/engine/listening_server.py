"""A server of one disk on a private unix socket, which is handed to it listening: qemu-nbd, nbdkit.

The socket is bound by us, so that whoever connects at once is heard as soon as the server has opened its disk, and gets
the end of the connection when it could not.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from imgtools.engine.confined.fence import Fence
from imgtools.engine.confined.keeper import Kept, Program
from imgtools.errors import HostError

LONGEST_BASE = 80  # bytes of the temporary folder's path
# Gives the server what sd_listen_fds(3) wants: who it is meant for, and the listening socket as descriptor 3.
BEGIN = "exec 3<&0 </dev/null; read -r _ <&1 || exit; exec >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=1"
CLEAN_UP = 'rm -rf "$1"'


class ListeningServer:
    """A running server.

    :param program: its name.
    :param path: of its unix socket.
    """

    def __init__(self, program: str, path: str, kept: Kept, said: int) -> None:
        self.program = program
        self.socket = path
        self._kept, self._said = kept, said

    def words(self) -> str:
        """What it has said on standard error since this was asked last; at most what a pipe holds."""
        try:
            return os.read(self._said, 65536).decode("utf-8", "replace")
        except BlockingIOError:
            return ""

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._kept.program.poll() is not None

    def end(self, patience: float = 0) -> int:
        """End it, and return its exit code; may be called twice.

        :param patience: seconds in which it may end by itself.
        """
        if patience:
            with suppress(subprocess.TimeoutExpired):
                self._kept.program.wait(patience)
        self._kept.program.kill()
        return self._kept.program.wait()


def socket_base() -> Path:
    """The temporary folder, or /tmp where its path is too long for that of a socket in it."""
    base = tempfile.gettempdir()
    return Path(base if len(os.fsencode(base)) <= LONGEST_BASE else "/tmp")


@contextmanager
def private_socket_folder() -> Iterator[str]:
    """Yield a folder of mode 0700 for a socket, whose path must fit into sockaddr_un (108 bytes with its end)."""
    base = socket_base()
    try:
        folder = tempfile.mkdtemp(prefix="imgtools-nbd-", dir=base)
    except OSError as error:
        raise HostError(
            f"{base}: {error.strerror}", hint="TMPDIR names another folder for temporary files"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def listening(path: str) -> Iterator[socket.socket]:
    """Yield a socket that listens at a path in a folder of ours alone; who serves or asks may be another user."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        Path(path).chmod(0o666)
        listener.listen(16)
        yield listener


@contextmanager
def listening_server(
    argv: Sequence[str], fence: Fence, secrets: Sequence[int] = ()
) -> Iterator[ListeningServer]:
    """Start a server by socket activation, and end it with the block. Its keeper ends it if we cannot.

    :param argv: begins with its full path.
    :param secrets: descriptors that it inherits, none below 10.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(private_socket_folder())
        path = str(Path(folder) / "disk")
        kept, said = _spawn(path, folder, argv, fence, secrets)
        stack.callback(os.close, said)
        stack.callback(kept.dismiss)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = ListeningServer(Path(argv[0]).name, path, kept, said)
        stack.callback(server.end)
        yield server


def _spawn(
    path: str, folder: str, argv: Sequence[str], fence: Fence, secrets: Sequence[int]
) -> tuple[Kept, int]:
    """Start the server behind its keeper. Returns the keeper, and where what the server says is read."""
    said, saying = os.pipe()
    # A hostile image can make qemu complain at every read: what does not fit into the pipe is dropped.
    os.set_blocking(saying, False)
    os.set_blocking(said, False)
    with ExitStack() as stack:
        stack.callback(os.close, said)
        try:
            with listening(path) as listener:
                program = Program(
                    argv, fence, BEGIN, listener.fileno(), saying, secrets, ends_by=signal.SIGKILL
                )
                kept = Kept(program, CLEAN_UP, [folder])
        finally:
            os.close(saying)
        stack.pop_all()
    return kept, said
