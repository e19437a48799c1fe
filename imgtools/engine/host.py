"""What this host offers: programs, Python bindings, kernels for the appliance, KVM, room. Facts, no judgement.

``imgtools doctor`` judges them (``workflows/doctor.py``), and so does the appliance when it does not start. Each
fact is gathered for itself, so that a missing one never hides the others.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from imgtools.engine.confined import bubblewrap, landlock
from imgtools.engine.confined.fence import is_off
from imgtools.engine.loadable import DRIVERS, LIBRARIES, driver_problem, library_problem
from imgtools.engine.process import HOST, PACKAGE_OF, Limits, require, run
from imgtools.engine.qemu.firmware import find_uefi
from imgtools.engine.qemu.kernels import KernelFact, appliance_folder, find_kernels
from imgtools.engine.qemu.kvm import (
    TCG,
    KvmVerdict,
    device_is_there,
    find_qemu,
    forced_accelerator,
    kvm_verdict,
    memory_path,
)
from imgtools.errors import EngineFailed, EngineTimeout, ToolMissing

SYSTEM_PYTHON = "/usr/bin/python3"

# Python modules that imgtools imports, and the name that only the real one has: PyPI's ``hivex`` is another program.
BINDINGS = {
    "guestfs": "GuestFS",
    "nbd": "NBD",
    "hivex": "Hivex",
    "augeas": "Augeas",
    "pyfsntfs": "volume",
    "pybde": "volume",
    "google_crc32c": "value",
    "xxhash": "xxh64_intdigest",
    "lzallright": "LZOCompressor",
    "pyevtx": "file",
    "yaml": "safe_load",
    "mfusepy": "FUSE",
    "libvirt": "openReadOnly",
    "tzlocal": "get_localzone",
}
# The libraries behind bindings that tell their version.
LIBRARY_OF = {"guestfs": "libguestfs", "nbd": "libnbd"}

# How a program tells its version. Others that imgtools starts (PACKAGE_OF) are only looked for.
VERSION_OPTIONS = {
    "qemu-img": "--version",
    "qemu-nbd": "--version",
    "qemu-storage-daemon": "--version",
    "supermin": "--version",
    "e2fsck": "-V",
    "rpm": "--version",
    "journalctl": "--version",
}
OWN_CHECK = {"qemu-system-x86_64"}  # the emulator is looked for by more than one name
PROGRAMS = tuple(one for one in dict.fromkeys((*VERSION_OPTIONS, *PACKAGE_OF)) if one not in OWN_CHECK)

# Variables that change what libguestfs does, and so explain surprises.
VARIABLES = (
    *("LIBGUESTFS_BACKEND", "LIBGUESTFS_BACKEND_SETTINGS", "LIBGUESTFS_HV", "LIBGUESTFS_PATH"),
    *("LIBGUESTFS_CACHEDIR", "LIBGUESTFS_TMPDIR", "LIBGUESTFS_MEMSIZE", "LIBGUESTFS_APPEND"),
    *("SUPERMIN_KERNEL", "SUPERMIN_MODULES", "TMPDIR"),
)


@dataclass(frozen=True, slots=True)
class BindingFact:
    """A Python module: its version and file, or why it cannot be used."""

    name: str
    version: str = ""
    path: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ProgramFact:
    """A host program; no path: it is not installed."""

    name: str
    path: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class RoomFact:
    """A folder that imgtools or libguestfs writes to; ``free`` in bytes."""

    purpose: str
    path: str
    writable: bool
    free: int


@dataclass(frozen=True, slots=True)
class ApplianceFact:
    """libguestfs' appliance as supermin keeps it: where, whether it is built, and what is wrong with the place."""

    folder: str
    built: bool
    locked: bool = False  # another program is building it now
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KvmFact:
    """Hardware virtualisation: what the processor says, the kernel offers, and the start of a kernel proves.

    ``forced``: KVM or TCG, where the user insists on one; KVM is not tried where TCG is used anyhow.
    """

    processor_flags: tuple[str, ...]  # vmx, svm, hypervisor
    nested: str  # the kernel module's parameter: Y, 1, N, 0; empty: not known
    modules: tuple[str, ...]  # kvm, kvm_intel, kvm_amd
    device: bool
    verdict: KvmVerdict
    forced: str = ""
    memory: str = ""  # the file that keeps the verdict


@dataclass(frozen=True, slots=True)
class ConfinementFact:
    """What programs can be fenced in by: Landlock's ABI (0: none), where bubblewrap is, whether it is switched off."""

    landlock: int
    bubblewrap: str = ""
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything that decides what works on this host."""

    python: str  # version
    executable: str
    in_venv: bool
    uid: int
    machine: str
    release: str  # of the running kernel
    bindings: tuple[BindingFact, ...]
    programs: tuple[ProgramFact, ...]
    qemu: ProgramFact
    kernels: tuple[KernelFact, ...]
    kvm: KvmFact
    fuse: str  # "", or why /dev/fuse cannot be used
    rooms: tuple[RoomFact, ...]
    appliance: ApplianceFact
    locks: str  # "", or why files cannot be locked in the temporary folder
    variables: tuple[tuple[str, str], ...]
    confinement: ConfinementFact
    uefi: str = ""  # the file with OVMF's code; empty: none is installed
    loadable: tuple[
        tuple[str, str], ...
    ] = ()  # libraries and QEMU's drivers, each with why it cannot be loaded

    def binding(self, name: str) -> BindingFact:
        """The fact of one Python module."""
        return next(fact for fact in self.bindings if fact.name == name)

    def program(self, name: str) -> ProgramFact:
        """The fact of one program."""
        return next(fact for fact in self.programs if fact.name == name)


def collect_facts() -> HostFacts:
    """Look at this host. Starts a few short programs; takes about 0.3 s."""
    qemu = _qemu()
    return HostFacts(
        python=platform.python_version(),
        executable=sys.executable,
        in_venv=sys.prefix != sys.base_prefix,
        uid=os.geteuid(),
        machine=platform.machine(),
        release=platform.release(),
        bindings=tuple(_binding(name, mark) for name, mark in BINDINGS.items()),
        programs=tuple(_program(name) for name in PROGRAMS),
        qemu=qemu,
        kernels=find_kernels(),
        kvm=_kvm(qemu),
        fuse=_device_problem(Path("/dev/fuse")) or _mount_problem(),
        rooms=_rooms(),
        appliance=find_appliance(),
        locks=_lock_problem(),
        variables=tuple((name, os.environ[name]) for name in VARIABLES if name in os.environ),
        confinement=ConfinementFact(landlock.abi(), bubblewrap.find(), is_off()),
        uefi=_uefi(),
        loadable=(
            *((name, library_problem(name)) for name in LIBRARIES),
            *((name, driver_problem(name)) for name in DRIVERS),
        ),
    )


def collect_parts() -> tuple[dict[str, str], ...]:
    """What imgtools is made of on this host, each with its version ("": it is missing, or does not tell).

    Python and the libraries behind bindings; programs; Python packages that imgtools was installed with. Starts a few
    short programs; takes about 0.1 s.
    """
    libraries = {library: _binding(name, BINDINGS[name]).version for name, library in LIBRARY_OF.items()}
    programs = {name: _program(name).version for name in VERSION_OPTIONS}
    return {"Python": platform.python_version(), **libraries}, programs, _packages()


# -- Python -----------------------------------------------------------------------------------------------


def _binding(name: str, mark: str) -> BindingFact:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return BindingFact(name, problem=str(error))
    except OSError as error:  # python-augeas without libaugeas0
        return BindingFact(name, problem=str(error))
    path = getattr(module, "__file__", None) or ""
    if not hasattr(module, mark):
        return BindingFact(name, path=path, problem=f"another program of that name: it has no {mark}")
    return BindingFact(name, _binding_version(name), path)


def _packages() -> dict[str, str]:
    """The Python packages that ours asks for, but for those of its extras; none where it runs from a bare checkout."""
    try:
        wanted = metadata.requires("imgtools") or []
    except metadata.PackageNotFoundError:
        return {}
    names = [re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in wanted if "extra ==" not in one]
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


def _binding_version(name: str) -> str:
    """The version of the library behind a binding, where it tells."""
    if name == "guestfs":
        import guestfs

        facts = guestfs.GuestFS(python_return_dict=True).version()
        return f"{facts['major']}.{facts['minor']}.{facts['release']}"
    if name == "nbd":
        import nbd

        return str(nbd.NBD().get_version())
    version = getattr(importlib.import_module(name), "get_version", None)
    return str(version()) if callable(version) else ""


# -- programs ---------------------------------------------------------------------------------------------


def _program(name: str) -> ProgramFact:
    try:
        path = require(name)
    except ToolMissing:
        return ProgramFact(name)
    option = VERSION_OPTIONS.get(name)
    return ProgramFact(name, path, _version(path, option) if option else "")


def _qemu() -> ProgramFact:
    try:
        path = find_qemu()
    except ToolMissing:
        return ProgramFact(f"qemu-system-{platform.machine()}")
    return ProgramFact(Path(path).name, path, _version(path, "--version"))


def _uefi() -> str:
    try:
        return str(find_uefi("q35").code)
    except ToolMissing:
        return ""


def _version(path: str, option: str) -> str:
    """The first thing that looks like a version in what a program says of itself."""
    try:
        done = run([path, option], HOST, limits=Limits(seconds=10), ok=range(256))
    except (EngineFailed, EngineTimeout, OSError):
        return ""
    found = re.search(rb"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0].decode() if found else ""


# -- the appliance ----------------------------------------------------------------------------------------


def find_appliance() -> ApplianceFact:
    """Return the state of the appliance that libguestfs keeps for this user (guestfs(3), LIBGUESTFS_CACHEDIR)."""
    fixed = os.environ.get("LIBGUESTFS_PATH", "")
    if fixed and (Path(fixed) / "README.fixed").exists():
        return ApplianceFact(fixed, built=True)
    folder = appliance_folder()
    if not folder.exists():
        return ApplianceFact(str(folder), built=False)
    problem = "" if folder.stat().st_uid == os.geteuid() else "the folder belongs to another user"
    built = (folder / "appliance.d" / "root").exists()
    return ApplianceFact(str(folder), built, _is_locked(folder / "lock"), problem)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb+") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


# -- KVM --------------------------------------------------------------------------------------------------


def _kvm(qemu: ProgramFact) -> KvmFact:
    modules = [name for name in ("kvm", "kvm_intel", "kvm_amd") if Path("/sys/module", name).exists()]
    nested = [_read(Path("/sys/module", name, "parameters/nested")) for name in ("kvm_intel", "kvm_amd")]
    return KvmFact(
        _processor_flags(),
        "".join(nested),
        tuple(modules),
        device_is_there(),
        _kvm_verdict(qemu),
        forced_accelerator(),
        str(memory_path()),
    )


def _kvm_verdict(qemu: ProgramFact) -> KvmVerdict:
    if not qemu.path:
        return KvmVerdict(False, f"{qemu.name} is not installed")
    if forced_accelerator() == TCG:
        return KvmVerdict(False, "not tried")
    return kvm_verdict(qemu.path)


def _processor_flags() -> tuple[str, ...]:
    words = set(re.findall(r"\b(vmx|svm|hypervisor)\b", _read(Path("/proc/cpuinfo"))))
    return tuple(sorted(words))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


# -- files ------------------------------------------------------------------------------------------------


def _device_problem(device: Path) -> str:
    if not device.exists():
        return f"there is no {device}"
    return "" if os.access(device, os.R_OK | os.W_OK) else f"no permission to open {device}"


def _mount_problem(status: Path = Path("/proc/self/status"), user: int | None = None) -> str:
    """Why nothing can be mounted by FUSE although its device is there; "" if nothing is known to be in the way.

    CAP_SYS_ADMIN is bit 21 of a capability set (capability.h); fusermount3 becomes root, but never more than the
    bounding set allows, and not at all with no_new_privs (proc(5)).
    """
    lines = (line.split(":", 1) for line in status.read_text().splitlines())
    found = {name: value.strip() for name, value in lines}
    is_root = (os.geteuid() if user is None else user) == 0
    ours = int(found["CapBnd"], 16) & (int(found["CapEff"], 16) if is_root else -1)
    if not ours >> 21 & 1:
        return "nobody may mount here: CAP_SYS_ADMIN was taken away, as containers do"
    return (
        ""
        if is_root or found.get("NoNewPrivs", "0") == "0"
        else "fusermount3 may not become root: no_new_privs"
    )


def _rooms() -> tuple[RoomFact, ...]:
    appliance = os.environ.get("LIBGUESTFS_CACHEDIR") or os.environ.get("TMPDIR") or "/var/tmp"
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    places = (("temporary files", tempfile.gettempdir()), ("the appliance", appliance), ("cache", cache))
    return tuple(_room(purpose, Path(path)) for purpose, path in places)


def _room(purpose: str, path: Path) -> RoomFact:
    there = path
    while not there.exists():  # a cache folder is made when it is needed
        there = there.parent
    return RoomFact(purpose, str(path), os.access(there, os.W_OK | os.X_OK), shutil.disk_usage(there).free)


def _lock_problem(lock: Callable[[int, int], None] = fcntl.flock) -> str:
    """Try both kinds of locks that imgtools, QEMU and supermin take."""
    try:
        with tempfile.TemporaryFile() as stream:
            lock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return str(error)
    return ""
