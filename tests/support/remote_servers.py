"""Servers of images on the loopback: NBD, SSH and iSCSI as others have written them, each for one test module."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as talk:
        return talk.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def _running(
    argv: Sequence[str | Path], port: int, log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, which begins when it listens."""
    with log.open("wb") as words:
        process = subprocess.Popen(argv, stdout=words, stderr=words, env={**os.environ, **(env or {})})
        try:
            deadline = time.monotonic() + 60
            while not _listens(port):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def qemu_server(image: Path, folder: Path, *words: str) -> Iterator[int]:
    """QEMU's own server with a raw image as the export ``disk``; yields its port."""
    port = free_port()
    argv = ["qemu-nbd", "-r", "-t", "--shared=0", "-b", LOOPBACK, "-p", str(port), "-x", "disk", "-f", "raw"]
    with _running([*argv, *words, image], port, folder / "qemu-nbd.log"):
        yield port


@contextmanager
def nbdkit_server(folder: Path, *words: str | Path) -> Iterator[int]:
    """nbdkit, whose export names mean nothing unless ``words`` say so; yields its port."""
    port = free_port()
    with _running(
        ["nbdkit", "-f", "-r", "-i", LOOPBACK, "-p", str(port), *words], port, folder / "nbdkit.log"
    ):
        yield port


class SshServer(NamedTuple):
    """A running server.

    :param settings: a file for ssh -F, with which this server is known and lets us in.
    :param user: who one logs in as.
    :param folder: one that this user reads.
    """

    port: int
    settings: Path
    user: str
    folder: Path

    def uri(self, path: Path) -> str:
        """Where a file is."""
        return f"ssh://{self.user}@{LOOPBACK}:{self.port}{path}"


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    """OpenSSH's server as an ordinary user, with keys of its own."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="imgtools-sshd-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        # An account whose password the server cannot look up counts as locked, unless PAM says otherwise.
        user, pam = ("nobody", "no") if os.geteuid() == 0 else (_own_name(), "yes")
        port = free_port()
        (folder / "sshd").write_text(_SSHD.format(port=port, folder=folder, pam=pam))
        (folder / "known").write_text(f"[{LOOPBACK}]:{port} {(folder / 'host.pub').read_text()}")
        (folder / "ssh").write_text(_SSH.format(folder=folder))
        server: list[str | Path] = ["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd"]
        if os.geteuid() == 0:
            shutil.chown(folder / "host", "nobody")
            server = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=shadow", *server]
        folder.chmod(0o755)
        stack.enter_context(_running(server, port, folder / "log"))
        yield SshServer(port, folder / "ssh", user, folder)


@contextmanager
def login_server() -> Iterator[SshServer]:
    """OpenSSH's server of whoever runs the tests, who logs in and runs programs."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="imgtools-sshd-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root does not begin without it
        port = free_port()
        settings = _SSHD.format(port=port, folder=folder, pam="yes")
        (folder / "sshd").write_text(settings.replace("ForceCommand internal-sftp\n", ""))
        (folder / "known").write_text(f"[{LOOPBACK}]:{port} {(folder / 'host.pub').read_text()}")
        (folder / "ssh").write_text(_SSH.format(folder=folder))
        stack.enter_context(
            _running(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd"], port, folder / "log")
        )
        yield SshServer(port, folder / "ssh", _own_name(), folder)


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


_SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM {pam}
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""
_SSH = """
Host *
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile none
  IdentityFile {folder}/user
  IdentitiesOnly yes
"""


@contextmanager
def iscsi_target(image: Path, folder: Path) -> Iterator[int]:
    """A target ``iqn.2026-11.test:open`` with an image as LUN 1, and ``iqn.2026-11.test:chap``; yields its port.

    The second one is for joe, whose password is ``secretsecret``.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="imgtools-tgt-", dir="/tmp") as place:
        env = {"TGT_IPC_SOCKET": f"{place}/s"}
        argv = ["tgtd", "-f", "--iscsi", f"portal={LOOPBACK}:{port}"]
        with _running(argv, port, folder / "tgtd.log", env):
            for words in _targets(image):
                subprocess.run(
                    ["tgtadm", "--lld", "iscsi", *words], check=True, env={**os.environ, **env}, timeout=60
                )
            yield port


def _targets(image: Path) -> Iterator[list[str]]:
    for number, name in ((1, "open"), (2, "chap")):
        target, unit = ["--mode", "target", "--tid", str(number)], ["--mode", "logicalunit"]
        yield ["--op", "new", *target, "-T", f"iqn.2026-11.test:{name}"]
        yield ["--op", "new", *unit, "--tid", str(number), "--lun", "1", "-b", str(image)]
        yield ["--op", "bind", *target, "-I", "ALL"]
    account = ["--mode", "account", "--user", "joe"]
    yield ["--op", "new", *account, "--password", "secretsecret"]
    yield ["--op", "bind", *account, "--tid", "2"]
