"""Host programs that are run to their end, and what they say.

Every program runs behind the fence of its kind (``confined/``), with a clean locale, no standard input unless one is
given, and a limit of time. Secrets go through ``pass_fds`` or standard input, never through the arguments, because
arguments are public on the host.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined.fence import HOST, Fence
from imgtools.engine.confined.kinds import Kind, Limits
from imgtools.engine.confined.start import start_for_person, start_for_user, start_in_folder, start_program
from imgtools.errors import BadImage, EngineFailed, EngineTimeout, ToolMissing

__all__ = [
    "HOST",
    "Completed",
    "Fence",
    "Kind",
    "Limits",
    "ToolFailed",
    "full",
    "require",
    "run",
    "start_for_user",
]

log = logging.getLogger(__name__)

# Which Debian package brings a program, for the hint of ToolMissing; two where releases of Debian differ. Beside these
# we start only what every Debian has (tests/house/test_packages.py).
PACKAGE_OF = {
    "qemu-img": "qemu-utils",
    "qemu-nbd": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "supermin": "supermin",
    "cpio": "cpio",
    "blkid": "util-linux",
    "setpriv": "util-linux",
    "mkswap": "util-linux",
    "wipefs": "util-linux",
    "fallocate": "util-linux",
    "sfdisk": "fdisk",
    "fdisk": "fdisk",
    "clevis": "clevis",
    "rpm": "rpm",
    "rpmdb": "rpm",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "resize2fs": "e2fsprogs",
    "dumpe2fs": "e2fsprogs",
    "fsck.f2fs": "f2fs-tools",
    "resize.f2fs": "f2fs-tools",
    "ntfs-3g": "ntfs-3g",
    "ntfs-3g.probe": "ntfs-3g",
    "ntfsfix": "ntfs-3g",
    "ntfsresize": "ntfs-3g",
    "ntfsinfo": "ntfs-3g",
    "mattrib": "mtools",
    "mcopy": "mtools",
    "mdel": "mtools",
    "mmd": "mtools",
    "mrd": "mtools",
    "fsck.fat": "dosfstools",
    "mkfs.fat": "dosfstools",
    "xfs_repair": "xfsprogs",
    "mkfs.xfs": "xfsprogs",
    "xfs_db": "xfsprogs",
    "btrfs": "btrfs-progs",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.exfat": "exfatprogs",
    "tune.exfat": "exfatprogs",
    "mkntfs": "ntfs-3g",
    "mkudffs": "udftools",
    "xorriso": "xorriso",
    "sqfstar": "squashfs-tools",
    "fusermount3": "fuse3",
    "journalctl": "systemd",
    "virsh": "libvirt-clients",
    "visudo": "sudo",
    "zstd": "zstd",
    "lz4": "lz4",
    "oscap": "openscap-scanner",
    "xz": "xz-utils",
    "nbdkit": "nbdkit",
    "ssh": "openssh-client",
}


# What OpenStack gives qemu-img for images of strangers (oslo.concurrency's QEMU_IMG_LIMITS).
UNTRUSTED = Limits(seconds=60, memory=1 << 30, cpu=30)
UNLIMITED = Limits(seconds=None)


class Completed(NamedTuple):
    """What a program said before it ended."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def complaint(self) -> str:
        """The last non-empty line of standard error: what the program says went wrong."""
        lines = [line.strip() for line in self.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


class ToolFailed(EngineFailed):
    """A host program ended with an error."""

    def __init__(self, done: Completed) -> None:
        super().__init__(
            f"{done.argv[0]} failed: {done.complaint}",
            hint="run again with -v to see the command line",
        )
        self.done = done


def require(program: str) -> str:
    """Return the full path of ``program``, also when it lives in an administrator's folder.

    :raises ToolMissing: it is not installed.
    """
    folders = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    found = shutil.which(program, path=folders)
    if found is None:
        package = PACKAGE_OF.get(program, program)
        raise ToolMissing(f"{program} is not installed", hint=f"apt-get install {package}")
    return found


def _tell(argv: Sequence[str]) -> None:
    """Say what is run, to who wants to know."""
    if log.isEnabledFor(logging.DEBUG):
        import shlex

        log.debug("run: %s", shlex.join(argv))


def full(argv: Sequence[str]) -> list[str]:
    """Return a command with the full path of its program."""
    return [require(argv[0]), *argv[1:]]


def run(
    argv: Sequence[str],
    fence: Fence,
    *,
    limits: Limits = UNLIMITED,
    stdin: bytes | None = None,
    pass_fds: Sequence[int] = (),
    ok: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    dies_by: int = 0,
) -> Completed:
    """Run one program to its end and return what it said.

    :param fence: what it may open and use.
    :param dies_by: the signal that it gets when we are killed.
    :param ok: exit codes that are answers, not failures.
    :raises ToolMissing: the program is not installed.
    :raises ToolFailed: it ended with a code that is not in ``ok``.
    :raises BadImage: it crashed on a guest's bytes, or came to a limit, which is how hostile images end.
    :raises EngineTimeout: it took longer than ``limits.seconds``.
    """
    _tell(argv)
    process = start_program(
        full(argv),
        fence,
        limits=limits,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        pass_fds=pass_fds,
        env=env,
        cwd=cwd,
        dies_by=dies_by,
    )
    with process:
        try:
            said, complained = process.communicate(stdin, limits.seconds)
        except subprocess.TimeoutExpired:
            raise EngineTimeout(
                f"{argv[0]} did not finish within {limits.seconds:g} s",
                hint="a damaged or hostile image can do this",
            ) from None
        finally:
            process.kill()  # no more than a look at what has ended
    done = Completed(tuple(argv), process.returncode, said, complained)
    if done.code in ok:
        return done
    if fence.kind.allowance.is_fenced and crashed(done.code):
        raise BadImage(
            f"{argv[0]} crashed on this image ({signal_name(done.code)})", hint="it is damaged or hostile"
        )
    raise ToolFailed(done)


def crashed(code: int) -> bool:
    """Whether an exit code says that a signal ended the program, seen directly or through bubblewrap."""
    return code < 0 or code in (128 + signal.SIGSEGV, 128 + signal.SIGABRT)


def signal_name(code: int) -> str:
    """The name of the signal behind an exit code, such as ``SIGSEGV``."""
    try:
        return signal.Signals(-code if code < 0 else code - 128).name
    except ValueError:
        return f"exit code {code}"


def run_for_person(argv: Sequence[str]) -> int:
    """Run a program that a person works with on our terminal, and return its exit code.

    Where our standard output is no terminal it is for results alone: the program writes to standard error.

    :raises ToolMissing: it is not installed.
    """
    _tell(argv)
    stdout = None if os.isatty(1) else 2
    return start_for_person(full(argv), stdout)


def run_in_folder(argv: Sequence[str], folder: Path, variables: Mapping[str, str], *, to_stderr: bool) -> int:
    """Run a person's own program in a folder, on our terminal; return its exit code, 128 and a signal's number.

    :param variables: of its environment, beside ours.
    :param to_stderr: what it prints goes there.
    """
    _tell(argv)
    code = start_in_folder(argv, folder, variables, 2 if to_stderr else None)
    return 128 - code if code < 0 else code
