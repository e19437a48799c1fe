"""bubblewrap, where the kernel has no Landlock: the same files in a namespace of the program's own (bwrap(1))."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined import landlock, seccomp
from imgtools.engine.confined.fence import NOBODY, SETTINGS, SYSTEM, Fence, Judged, is_off, opened, own_folder
from imgtools.errors import ImgtoolsError

AS_NOBODY = ("--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY))


@functools.cache
def find() -> str:
    """Return the full path of bubblewrap; empty if it is not installed, or may make no namespaces here."""
    path = shutil.which("bwrap", path=os.environ.get("PATH", os.defpath) + ":/usr/bin") or ""
    return path if path and _runs(path) else ""


@functools.cache
def makes_users() -> bool:
    """Whether bubblewrap can have a program be somebody else: not in a chroot, nor where user namespaces are off."""
    return _runs(find(), *AS_NOBODY)


def _runs(*words: str) -> bool:
    from imgtools.engine.process import HOST, run

    try:
        run([*words, "--unshare-pid", "--ro-bind", "/", "/", "true"], HOST)
    except ImgtoolsError:
        return False
    return True


def is_needed(fence: Fence) -> bool:
    """Whether this program is to be walled in by bubblewrap."""
    allowance = fence.kind.allowance
    wanted = allowance.is_fenced and not allowance.mounts and not is_off()
    return wanted and not landlock.abi() and bool(find())


class Walls(NamedTuple):
    """The words before a program's own, and descriptors for bubblewrap."""

    words: tuple[str, ...]
    descriptors: tuple[int, ...]

    def close(self) -> None:
        """Let go of the descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def walls(fence: Fence, program: str, *, dies_by: int) -> Walls:
    """Return what goes before a program; descriptors that it inherits stay usable, also by their names in /proc."""
    words = [find(), "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--new-session"]
    words += [] if fence.kind.allowance.network else ["--unshare-net"]
    words += ["--proc", "/proc", "--dev", "/dev", *_binds(fence, program)]
    words += ["--die-with-parent"] if dies_by else []
    if fence.kind.allowance.drops_root and os.geteuid() == 0:
        words += AS_NOBODY if makes_users() else ()
    descriptors: list[int] = []
    program_filter = seccomp.make_filter(
        unix_sockets=fence.kind.allowance.unix_sockets,
        network=fence.kind.allowance.network,
        shams_chroot=fence.kind.allowance.shams_chroot,
        starts_programs=fence.kind.allowance.starts_programs,
    )
    if program_filter is not None:
        descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
        os.write(descriptor, program_filter)
        os.lseek(descriptor, 0, os.SEEK_SET)
        descriptors.append(descriptor)
        words += ["--seccomp", str(descriptor)]
    return Walls((*words, "--"), tuple(descriptors))


def _binds(fence: Fence, program: str) -> Iterator[str]:
    for place in (*SYSTEM, *own_folder(program)):
        if Path(place).is_symlink():
            yield from ("--symlink", os.fspath(Path(place).readlink()), place)
        else:
            yield from ("--ro-bind-try", place, place)
    for place in SETTINGS:
        if not place.startswith(("/proc", "/sys")):
            yield from ("--ro-bind-try", place, place)
    for how, paths in (("--ro-bind", fence.reads), ("--bind", fence.writes)):
        for file in paths:
            with opened(file):  # the same file as before, as far as a name can tell
                path = file.path if isinstance(file, Judged) else file
            place = os.fspath(path.absolute())
            yield from ("--dev-bind-try" if path.is_block_device() else f"{how}-try", place, place)
