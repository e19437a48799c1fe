"""Running qemu-img: its progress, its complaints, and what they mean."""

from __future__ import annotations

import json
import logging
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from imgtools.engine.confined.fence import Judged
from imgtools.engine.confined.start import start_program
from imgtools.engine.process import (
    Completed,
    Fence,
    Kind,
    Limits,
    ToolFailed,
    full,
    signal_name,
)
from imgtools.engine.qemu.nodes import Node
from imgtools.errors import (
    BadImage,
    EngineFailed,
    EngineTimeout,
    HostError,
    ImageInUse,
    ImgtoolsError,
    KeyNeeded,
    NoRoom,
)
from imgtools.records.progress import Progress

log = logging.getLogger(__name__)


WORKING = Limits(seconds=None)  # work on a whole image may take hours
# A folder that was made for new files alone (disk/new_file.py, tempfile); formats such as vmdk make several.
OWN_FOLDERS = (".imgtools-", "imgtools-", "tmp")
POLL = 0.2  # seconds between two looks at a growing file
# QEMU 7.2 measures how fast it derives keys, before it makes a LUKS header, and gives up if the kernel's accounting of
# its processor time is not fine enough at that moment (crypto/pbkdf.c). The next try works.
NO_CLOCK, TRIES = b"Unable to get accurate CPU usage", 4
KEPT = 64 << 10  # bytes of complaints that are kept, the last ones; a damaged image can make gigabytes
MOST_ANSWER = 64 << 20  # bytes of standard output that are kept; a map is streamed instead
_PERCENT = re.compile(rb"\((\d+\.\d+)/100%\)")


def images_fence(
    reads: Sequence[Node] = (), writes: Sequence[Node | Path] = (), opens: Sequence[Judged] = ()
) -> Fence:
    """Return the fence of a qemu-img that works on some nodes, and writes to others or to new files.

    A new file that stands among others is made here, so that its program needs no right to make any.
    """
    written: list[Path | Judged] = []
    for place in writes:
        if isinstance(place, Node):
            written += place.files
        else:
            written.append(_place_for(place))
    read = (path for node in reads for path in (*node.files, *node.sockets))
    return Fence(Kind.IMAGES, (*opens, *read), tuple(written))


def _place_for(target: Path) -> Path:
    """What a program may write to that makes a file: its folder if that was made for it, else the file."""
    folder = target.absolute().parent
    if folder.name.startswith(OWN_FOLDERS) and folder.stat().st_mode & 0o77 == 0:
        return folder
    with suppress(OSError):  # qemu-img says what is wrong
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    return target.absolute()


def work(
    argv: Sequence[str],
    fence: Fence,
    *,
    pass_fds: Sequence[int] = (),
    ok: Sequence[int] = (0,),
    progress: Progress | None = None,
    grows: tuple[Path, int] | None = None,
    limits: Limits = WORKING,
    cwd: Path | None = None,
    dies_with_us: bool = False,
    about: str = "",
) -> Completed:
    """Run qemu-img, which may take long, and return what it said.

    :param progress: told of the percentage that ``-p`` prints, in hundredths, or of the bytes of ``grows``.
    :param grows: a file that the command fills, and how large it will about be, where there is no ``-p``.
    :param dies_with_us: it is killed when we are, because nobody would take what it makes. A change of an image
        that is there had better be finished.
    :param about: the image that it works on, for an error.
    :raises ImgtoolsError: a named error, see :func:`named`.
    """
    for _ in range(TRIES):
        done = _run(argv, fence, pass_fds, progress, grows, limits, cwd, dies_with_us)
        if NO_CLOCK not in done.stderr:
            break
    if done.code in ok:
        return done
    raise named(done, about)


def _run(
    argv: Sequence[str],
    fence: Fence,
    pass_fds: Sequence[int],
    progress: Progress | None,
    grows: tuple[Path, int] | None,
    limits: Limits,
    cwd: Path | None,
    dies_with_us: bool,
) -> Completed:
    log.debug("run: %s", shlex.join(argv))
    process = start_program(
        full(argv),
        fence,
        limits=limits,
        pass_fds=pass_fds,
        cwd=None if cwd is None else os.fspath(cwd),
        dies_by=signal.SIGKILL if dies_with_us else 0,
    )
    with process:
        try:
            stdout, stderr = _listen(process, progress, grows, limits)
        finally:
            process.kill()  # no more than a look at what has ended
    return Completed(tuple(argv), process.returncode, stdout, stderr)


def _listen(
    process: subprocess.Popen[bytes],
    progress: Progress | None,
    grows: tuple[Path, int] | None,
    limits: Limits,
) -> tuple[bytes, bytes]:
    """Read both outputs to their end, and report progress meanwhile."""
    assert process.stdout and process.stderr
    said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    deadline = None if limits.seconds is None else time.monotonic() + limits.seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "stdout")
        selector.register(process.stderr, selectors.EVENT_READ, "stderr")
        while selector.get_map():
            for key, _ in selector.select(POLL):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                _keep(said[key.data], chunk, key.data, progress)
            if progress and grows:
                progress(min(_allocated(grows[0]), grows[1]), grows[1])
            if deadline is not None and time.monotonic() > deadline:
                raise EngineTimeout(f"qemu-img did not finish within {limits.seconds:g} s")
    return bytes(said["stdout"]), bytes(said["stderr"])


def _keep(buffer: bytearray, chunk: bytes, stream: str, progress: Progress | None) -> None:
    buffer += chunk
    if stream == "stderr":
        del buffer[:-KEPT]
    elif progress:
        # Nothing else is printed on standard output while -p prints.
        found = _PERCENT.findall(buffer)
        if found:
            progress(round(float(found[-1]) * 100), 10000)
            del buffer[: buffer.rfind(b")") + 1]
    if len(buffer) > MOST_ANSWER:
        raise EngineFailed("qemu-img does not stop talking", hint="a damaged or hostile image can do this")


def _allocated(host_path: Path) -> int:
    try:
        return host_path.stat().st_blocks * 512
    except OSError:
        return 0


def reason(done: Completed) -> str:
    """Return what qemu-img says went wrong, without its own name and the node that it repeats."""
    text = done.complaint.removeprefix("qemu-img: ")
    while True:
        shorter = re.sub(
            r"^(Could not open|Failed to|error while) '[^']*(?:driver=|json:)[^']*': ?", "", text
        )
        if shorter == text:
            return text
        text = shorter


def named(done: Completed, about: str = "") -> ImgtoolsError:
    """Return the error that a user meets when qemu-img has failed.

    :param about: the image, for a message that names none.
    """
    words, text = done.stderr.decode("utf-8", "replace"), reason(done)
    start = f"{about}: " if about and about not in text else ""
    if done.code == -signal.SIGXFSZ or "File too large" in words:
        return NoRoom(
            f"{start}a file would become larger than this host allows",
            hint="see ulimit -f and the limit of the filesystem",
        )
    if "No space left on device" in words or "Disk quota exceeded" in words:
        return NoRoom(f"{start}no room left on the host", hint="make room, or write to another filesystem")
    if done.code in (-signal.SIGKILL, -signal.SIGTERM):
        return EngineFailed(
            f"{start}qemu-img was ended by {signal_name(done.code)}", hint="the host may be out of memory"
        )
    if done.code < 0:
        return BadImage(
            f"{start}qemu-img crashed on this image ({signal_name(done.code)})",
            hint="the image is damaged, or made to do harm",
        )
    if '"write" lock' in words or "another process using" in words:
        return ImageInUse(f"{start}another program has the image open", hint="shut the guest down first")
    if "Invalid password" in words or "No key slots" in words or "cannot unlock any keyslot" in words:
        return KeyNeeded(f"{start}the key does not open the encrypted image", hint="--key image:file:PATH")
    if "error while reading" in words or "could not read" in words.lower():
        return BadImage(f"{start}{text}", hint="imgtools convert --salvage copies what can be read")
    if "Permission denied" in words or "Read-only file system" in words:
        return HostError(f"{start}{text}", hint="check the permissions of the file and its folder")
    failed = ToolFailed(done)
    failed.message = f"{start}qemu-img: {text}"
    return failed


def read_json(text: bytes) -> dict[str, Any]:  # Any: JSON
    """Parse one JSON object that qemu-img wrote.

    :raises EngineFailed: it is not one.
    """
    try:
        told = json.loads(text)
    except ValueError:
        raise EngineFailed("qemu-img wrote no JSON") from None
    if not isinstance(told, dict):
        raise EngineFailed("qemu-img wrote no JSON object")
    return told
