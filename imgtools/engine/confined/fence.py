"""The fence around one program: what it may open and use, prepared by us and put up by the child before it begins."""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from imgtools.engine.confined import credentials, landlock, rights, seccomp
from imgtools.engine.confined.kinds import Allowance, Kind, Limits
from imgtools.engine.confined.landlock import MAKE, READ, RUN, WRITE, Access
from imgtools.engine.confined.libc import LIBC
from imgtools.errors import UntrustedBacking

log = logging.getLogger(__name__)

OFF = "IMGTOOLS_NO_CONFINEMENT"  # set to anything: programs run without fences, but with limits
NOBODY = 65534  # uid and gid of the kernel's overflow user; nothing on a host belongs to it
SET_NO_NEW_PRIVS = 38  # linux/prctl.h

# Programs and their libraries. Links that lead into one of them cost nothing more.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
# What programs read to find themselves and their ways; nothing secret, nothing of a user.
SETTINGS = (
    "/etc/blkid.conf",
    "/etc/crypto-policies",
    "/etc/e2fsck.conf",
    "/etc/gcrypt",
    "/etc/gnutls",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/mke2fs.conf",
    "/etc/mtools.conf",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/rpm",
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
)
# Checkers want to know whether what they look at is mounted; whose list it is is known in the child only.
MOUNTS = "/proc/self/mounts"
# Python closes what a program shall not have by the list in /proc/self/fd, once two that it shall have follow
# each other; without the list, each number that could be one, of which a service may have a million. Names are no
# secret behind Landlock, contents are.
NAMES = "/proc"
DEVICES = ("/dev/null", "/dev/zero")  # QEMU asks about locks on /dev/null opened for writing
RANDOM = ("/dev/urandom", "/dev/random")

# The letters of sh's ulimit, and its units in bytes (POSIX, ulimit).
ULIMIT = {
    resource.RLIMIT_CORE: ("c", 512),
    resource.RLIMIT_AS: ("v", 1024),
    resource.RLIMIT_CPU: ("t", 1),
    resource.RLIMIT_FSIZE: ("f", 512),
}

_prctl = LIBC.prctl


class Judged(NamedTuple):
    """A host file whose name and header were looked at, and which file it was then: its device and inode."""

    path: Path
    identity: tuple[int, int] | None = None


class Fence(NamedTuple):
    """Who runs, and which files it gets besides the system's programs and libraries.

    :param kind: says what it may use.
    :param reads: files and folders that were judged, to read.
    :param writes: those that may be written; in a folder of these also made and removed.
    """

    kind: Kind
    reads: tuple[Path | Judged, ...] = ()
    writes: tuple[Path | Judged, ...] = ()


HOST = Fence(Kind.HOST)


@contextmanager
def opened(file: Path | Judged) -> Iterator[int | None]:
    """Yield a descriptor of a file that names it without reading it (O_PATH); None if it is not there.

    :raises UntrustedBacking: it is another file than the one that was judged.
    """
    path = _path(file)
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        if isinstance(file, Judged) and file.identity is not None:
            found = os.fstat(descriptor)
            if (found.st_dev, found.st_ino) != file.identity:
                raise UntrustedBacking(
                    f"{path} was replaced by another file after it had been looked at",
                    hint="run it again when nobody else changes the folder",
                )
        yield descriptor
    finally:
        os.close(descriptor)


def _path(file: Path | Judged) -> Path:
    return file.path if isinstance(file, Judged) else file


def is_off() -> bool:
    """Whether the user does without fences (``--no-confinement``)."""
    return bool(os.environ.get(OFF))


def rules(fence: Fence, program: str, descriptors: Sequence[int] = ()) -> Iterator[tuple[str | int, int]]:
    """Yield what a program may open, and how.

    :param program: its full path; one that is installed elsewhere gets its own folder too.
    :param descriptors: what is passed to it; it may open the same once more by its name in /proc.
    """
    for place in _system(program):
        yield place, RUN
    for place in SETTINGS:
        yield place, READ
    yield NAMES, Access.READ_DIR
    for place in DEVICES:
        yield place, WRITE
    for place in RANDOM:
        yield place, READ
    if fence.kind.allowance.shams_chroot:
        yield "/", Access.READ_DIR  # which it opens, to find its way back
    if fence.kind.allowance.mounts:
        yield "/dev/fuse", WRITE
        yield "/proc/filesystems", READ
    for descriptor in descriptors:
        yield descriptor, WRITE if _is_writable(descriptor) else READ


@functools.cache
def _system(program: str) -> tuple[str, ...]:
    """The folders of programs and libraries, each once, and where ``program`` is if that is elsewhere."""
    kept: list[str] = []
    for place in sorted({*_folders(), *own_folder(program)}):
        if not any(place.startswith(f"{above}/") for above in kept):
            kept.append(place)
    return tuple(kept)


@functools.cache
def _folders() -> tuple[str, ...]:
    return tuple(os.path.realpath(folder) for folder in SYSTEM if os.path.isdir(folder))  # noqa: PTH112  cheaper


@functools.cache
def own_folder(program: str) -> tuple[str, ...]:
    """Where a program is that is installed elsewhere, with its libraries; and LD_LIBRARY_PATH."""
    home = Path(program).resolve().parent
    places = [home.parent if home.name in ("bin", "sbin") else home]
    places += [
        Path(folder).resolve() for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder
    ]
    return tuple(os.fspath(place) for place in places if place != Path("/"))


def _is_writable(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


class PutUp:
    """A fence that is ready to be put up, by the thread that then starts the program or by the child itself.

    :param grown: bytes of memory that a copy of ours has already.
    :param vforks: whether a program is started from where it is put up.
    :param is_walled: bubblewrap does the rest; limits are left to us.
    :raises OSError: the kernel refuses the ruleset.
    """

    def __init__(
        self,
        fence: Fence,
        program: str,
        limits: Limits,
        descriptors: Sequence[int] = (),
        *,
        is_walled: bool = False,
        grown: int = 0,
        vforks: bool = True,
    ) -> None:
        allowance = fence.kind.allowance
        self._limits = tuple(_resource_limits(fence, limits, grown))
        is_fenced = allowance.is_fenced and not is_off()
        self._keeps: int | None = None  # the rights of root that stay; None: it stays root
        if is_fenced and allowance.drops_root and not is_walled and credentials.may_become(NOBODY):
            homes = (Path(place) for place in own_folder(program))
            self._keeps = rights.needed((*homes, *map(_path, fence.reads)), map(_path, fence.writes))
        self.listener = -1  # by which it asks for mounts, once it is entered
        self.asks_for_mounts = is_fenced and allowance.mounts and _may_mount()
        self._is_confined = is_fenced and not is_walled and (not allowance.mounts or self.asks_for_mounts)
        # Of devices more may be wanted: that the kernel reads a partition table again, say.
        self._root_keeps = credentials.FILES
        if allowance.mounts:  # ntfs-3g gives up what it has inherited, and insists on it
            self._root_keeps |= 1 << credentials.SETUID | 1 << credentials.SETGID
        self._gives_up_rights = os.geteuid() == 0 and not any(
            _path(file).is_block_device() for file in (*fence.reads, *fence.writes)
        )
        self._filter = None
        if self._is_confined:
            self._filter = seccomp.make_filter(
                unix_sockets=allowance.unix_sockets,
                network=allowance.network,
                asks_for_mounts=self.asks_for_mounts,
                shams_chroot=allowance.shams_chroot,
                starts_programs=allowance.starts_programs,
                may_vfork_at=seccomp.vfork_address() if vforks else 0,
            )
        self._sees_mounts = allowance.sees_mounts and self._is_confined
        # Whose list of mounts it is, only the child can say; elsewhere a thread of ours is cheaper.
        self.in_child = self._sees_mounts or not seccomp.vfork_address()
        self._ruleset = -1
        if self._is_confined and landlock.abi():
            self._ruleset = landlock.make_ruleset(
                rules(fence, program, descriptors), network=allowance.network
            )
            with ExitStack() as stack:
                stack.callback(self.close)
                self._admit_files(fence)
                stack.pop_all()

    def _admit_files(self, fence: Fence) -> None:
        for files, access in ((fence.reads, READ | Access.IOCTL_DEV), (fence.writes, WRITE | MAKE)):
            for file in files:
                with opened(file) as descriptor:
                    if descriptor is not None:
                        landlock.add_rule(self._ruleset, descriptor, access)

    @property
    def open(self) -> tuple[int, ...]:
        """What has to be open where it is entered."""
        return (self._ruleset,) if self._ruleset >= 0 else ()

    def limit(self, pid: int = 0) -> None:
        """Set the limits of a process; 0 is this one."""
        for which, value in self._limits:
            # It has ended already; or it is set-uid (fusermount3), which only the unfenced kind can be, and root's now.
            with suppress(ProcessLookupError, PermissionError):
                resource.prlimit(pid, which, (value, value))

    def limiting_words(self, begin: str = "") -> list[str]:
        """Return the beginning of a command that limits itself, and then becomes the program that follows.

        :param begin: what else it does before.
        """
        said = [
            f"ulimit -{letter} {value // unit}"
            for which, value in self._limits
            for letter, unit in [ULIMIT[which]]
        ]
        return ["/bin/sh", "-c", "; ".join([*said, *([begin] if begin else []), 'exec "$@"']), "limits"]

    def enter(self) -> None:
        """Put it up around this thread and what it starts, for good; the limits apart."""
        if self._keeps is not None:
            credentials.become(NOBODY, self._keeps)
        if not self._is_confined:
            return
        if _prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError("no_new_privs is refused")
        if self._keeps is None and self._gives_up_rights:
            credentials.keep_only(self._root_keeps & credentials.held())
        if self._ruleset >= 0:
            if self._sees_mounts:
                landlock.add_rule(self._ruleset, MOUNTS, READ)
            landlock.restrict_self(self._ruleset)
        if self._filter is not None:
            answer = seccomp.apply(self._filter, listens=self.asks_for_mounts)
            self.listener = answer if self.asks_for_mounts else -1

    def close(self) -> None:
        """Let go of the ruleset."""
        if self._ruleset >= 0:
            os.close(self._ruleset)
            self._ruleset = -1


def _may_mount() -> bool:
    from imgtools.engine.confined import mounts

    return mounts.may_mount()


def _resource_limits(fence: Fence, limits: Limits, grown: int) -> Iterator[tuple[int, int]]:
    if fence.kind is Kind.PERSON:
        return
    allowance: Allowance = fence.kind.allowance
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, (limits.memory or allowance.memory) + grown),
        (resource.RLIMIT_CPU, limits.cpu or allowance.cpu),
        (resource.RLIMIT_FSIZE, allowance.file_size),
    ):
        soft = resource.getrlimit(which)[0]  # what the user has set is kept
        unlimited = resource.RLIM_INFINITY in (value, soft)
        limit = max(value, soft) if unlimited else min(value, soft)
        if limit != resource.RLIM_INFINITY:
            yield which, limit
