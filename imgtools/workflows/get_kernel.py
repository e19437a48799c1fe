"""Copy the kernel that a guest starts, and its initial RAM disk, into a folder of the host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from imgtools.disk.new_file import new_file, refuse_own_files, refuse_target
from imgtools.errors import (
    GuestFileError,
    GuestFileTooBig,
    HostError,
    NotInGuest,
    OddGuest,
    UnsupportedGuest,
    UsageError,
)
from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootloader import find_boot
from imgtools.guest.boot.kernels import Kernel
from imgtools.guest.boot.start import Start, read_start
from imgtools.guest.boot.unified import UnifiedPart, unified_parts
from imgtools.guest.guest import the_guest
from imgtools.image.handle import open_request
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest
from imgtools.records.system import OsType, Warned

LARGEST = 1 << 30  # bytes of a kernel or an initial RAM disk; one of a distribution has 100 MB
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class GotKernel:
    """One kernel of the guest. ``files`` are the copies on the host, ``sources`` the guest's files, in the same order.

    ``cmdline`` is what the boot loader gives it, or what is in a unified kernel image.
    """

    version: str
    default: bool
    unified: bool
    cmdline: str
    sources: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetKernelReport:
    """The kernels that were copied, newest first."""

    image: str
    engine: Engine
    folder: str
    kernels: tuple[GotKernel, ...]
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file of the guest, or a part of one, and where it goes."""

    path: str
    target: Path
    part: UnifiedPart | None = None


def get_kernel(
    request: ImageRequest,
    folder: Path,
    *,
    which: str = "default",
    unversioned: bool = False,
    prefix: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> GetKernelReport:
    """Copy kernels with what they are started with into the existing host folder ``folder``.

    A unified kernel image becomes its parts: vmlinuz, initrd, cmdline and osrel.

    :param which: ``default`` (what the boot loader starts), ``newest``, ``all``, or a version.
    :param unversioned: the copies are called by what stands before the first hyphen.
    :param prefix: and a hyphen stand before the names of the copies.
    :param overwrite: files that are there are replaced.
    :raises HostError: the folder is not there.
    :raises TargetExists: a file is there already; nothing is copied.
    :raises UnsupportedGuest: it is no Linux.
    :raises GuestFileError: there is no kernel.
    :raises NotInGuest: there is none of that version, or the boot loader's default is none that is there.
    :raises UsageError: two copies would have one name.
    """
    if not folder.is_dir():
        raise HostError(f"no such folder: {folder}", hint="make it first: mkdir")
    if "/" in prefix:
        raise UsageError(f"no part of a file name: {prefix}", hint="--output-dir names a folder")
    with open_request(request) as image:
        guest = the_guest(image, request.root)
        if guest.os.type is not OsType.LINUX:
            raise UnsupportedGuest(f"{guest.os.product_name or guest.os.type} has no kernel of Linux")
        files = guest.files
        chosen = _chosen(find_boot(files, image.layout().disks).kernels, which)
        start = read_start(files)
        warnings: list[Warned] = list(guest.warnings)
        planned = []
        for kernel in chosen:
            copies = [
                _Copy(path, folder / _named(name, prefix, unversioned=unversioned), part)
                for path, name, part in _wanted(files, kernel, start, warnings)
            ]
            planned.append((kernel, copies))
        every = [copy for _kernel, copies in planned for copy in copies]
        _refuse(every, overwrite=overwrite)
        with ExitStack() as drafts:  # all of them take their places, or none does
            done = 0
            for copy in every:
                refuse_own_files(image.infos, copy.target)
                draft = drafts.enter_context(new_file(copy.target, overwrite=overwrite))
                done = _copy(files, copy, draft.host_path, done, progress)
        got = tuple(_told(files, kernel, copies) for kernel, copies in planned)
        return GetKernelReport(request.name, files.served_by, str(folder), got, tuple(warnings))


def _chosen(kernels: Sequence[Kernel], which: str) -> Sequence[Kernel]:
    if not kernels:
        raise GuestFileError(
            "there is no kernel in the guest", path="/boot", hint="a container's or a chroot's root has none"
        )
    if which == "all":
        return kernels
    if which == "newest":
        return kernels[:1]
    known = ", ".join(kernel.version for kernel in kernels)
    if which == "default":
        found = [kernel for kernel in kernels if kernel.default]
        if not found:
            raise NotInGuest(
                "what the boot loader starts by default is no kernel that is there",
                hint=f"--which newest, or one of: {known}",
            )
        return found[:1]
    found = [kernel for kernel in kernels if kernel.version == which]
    if not found:
        raise NotInGuest(f"there is no kernel {which} in the guest", hint=f"there are: {known}")
    return found


def _wanted(
    files: GuestReader, kernel: Kernel, start: Start, warnings: list[Warned]
) -> Iterator[tuple[str, str, UnifiedPart | None]]:
    """Yield the guest's files of a kernel, what their copies are called, and which part of them is meant."""
    parts = unified_parts(files, kernel.vmlinuz)
    if parts:
        for name, part in parts.items():
            yield kernel.vmlinuz, f"{name}-{_safe(kernel.version)}", part
        return
    yield kernel.vmlinuz, _with_version(kernel.vmlinuz, kernel.version), None
    entry = next((one for one in start.entries if one.kernel and one.kernel.path == kernel.vmlinuz), None)
    initrds = [one for one in entry.initrds if one.path] if entry else []
    for lost in (one for one in (entry.initrds if entry else ()) if not one.path):
        warnings.append(Warned("the boot menu names an initial RAM disk that is not there", lost.said))
    paths = [one.path for one in initrds] or ([kernel.initrd] if kernel.initrd else [])
    if not paths:
        warnings.append(Warned("it has no initial RAM disk", kernel.vmlinuz))
    for path in dict.fromkeys(paths):
        yield path, _with_version(path, kernel.version), None


def _with_version(path: str, version: str) -> str:
    """Return the name of a copy: that of the file, with the version if it says nothing ("linux", "initrd")."""
    name = path.rpartition("/")[2]
    return _safe(name if "-" in name or not version else f"{name}-{version}")


def _safe(name: str) -> str:
    """A file name of the host, of what a guest has written: no folders, and nothing that a terminal would take."""
    return re.sub(r"[^\w.+~@:-]", "_", name).lstrip(".")[:200] or "kernel"


def _named(name: str, prefix: str, *, unversioned: bool) -> str:
    bare = name.split("-")[0] if unversioned else name
    return f"{prefix}-{bare}" if prefix else bare


def _refuse(copies: Sequence[_Copy], *, overwrite: bool) -> None:
    targets = [copy.target for copy in copies]
    if twice := next((one for one in targets if targets.count(one) > 1), None):
        raise UsageError(
            f"two files would be called {twice.name}",
            hint="leave --unversioned-names away, or copy one kernel",
        )
    for target in targets:
        refuse_target(target, overwrite=overwrite)


def _copy(files: GuestReader, copy: _Copy, to: Path, done: int, progress: Progress | None) -> int:
    """Copy one file; return how many bytes are copied now."""
    size = copy.part.size if copy.part is not None else files.stat(copy.path).size
    if size > LARGEST:
        raise GuestFileTooBig(f"larger than a kernel can be: {copy.path} ({size} bytes)", path=copy.path)
    with files.open(copy.path) as stream, to.open("xb") as target:
        stream.seek(copy.part.start if copy.part is not None else 0)
        for piece in _pieces(stream, size, copy.path):
            target.write(piece)
            done += len(piece)
            if progress:
                progress(done, 0)
    return done


def _pieces(stream: BinaryIO, size: int, path: str) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(PIECE, size))
        if not piece:
            raise OddGuest(f"{path} ends too early", hint="imgtools diagnose tells more")
        yield piece
        size -= len(piece)


def _told(files: GuestReader, kernel: Kernel, copies: Sequence[_Copy]) -> GotKernel:
    unified = any(copy.part is not None for copy in copies)
    said = next((copy for copy in copies if copy.part is not None and copy.part.name == "cmdline"), None)
    cmdline = kernel.cmdline
    if said is not None:
        cmdline = said.target.read_bytes()[:65536].rstrip(b"\0\n").decode("utf-8", "replace")
    return GotKernel(
        kernel.version,
        kernel.default,
        unified,
        cmdline,
        tuple(copy.path for copy in copies),
        tuple(str(copy.target) for copy in copies),
    )
