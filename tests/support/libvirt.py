"""A libvirt of the test's own: libvirtd with the QEMU driver, its sockets and files in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import libvirt

from tests.support.waiting import wait_until

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running libvirtd; ``folder`` may be read by the user that it runs as."""

    uri: str
    folder: Path

    @contextmanager
    def connected(self) -> Iterator[libvirt.virConnect]:
        """Connect to it, as a test that looks at what is defined."""
        connection = libvirt.open(self.uri)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def libvirt_daemon() -> Iterator[Daemon]:
    """Run libvirtd as an ordinary user: as root it would take the host's own files and sockets."""
    # A socket's path has at most 107 characters, and pytest's folders are long.
    # The daemon of root's tests is nobody, who cannot reach into a private TMPDIR.
    is_root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="libvirt-", dir="/tmp" if is_root else None))
    places = {name: folder / name for name in ("run", "config", "cache", "data")}
    (places["config"] / "libvirt").mkdir(parents=True)
    # Without it, a second daemon is started to write the logs of guests.
    (places["config"] / "libvirt" / "qemu.conf").write_text('stdio_handler = "file"\n')
    folder.chmod(0o755)
    if is_root:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    environment = {f"XDG_{name.upper()}_HOME": str(path) for name, path in places.items()}
    environment |= {"XDG_RUNTIME_DIR": str(places["run"]), "HOME": str(folder), "PATH": os.environ["PATH"]}
    program = shutil.which("libvirtd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "libvirtd is not installed: see packages.apt"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=NOBODY if is_root else None,
            group=NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
        )
    socket = places["run"] / "libvirt" / "libvirt-sock"
    uri = f"qemu+unix:///session?socket={socket}"
    try:
        wait_until(lambda: process.poll() is not None or _answers(uri))
        assert process.poll() is None, (folder / "log").read_text()
        yield Daemon(uri, folder)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _answers(uri: str) -> bool:
    libvirt.registerErrorHandler(lambda _, error: None, None)
    try:
        libvirt.open(uri).close()
    except libvirt.libvirtError:
        return False
    return True
