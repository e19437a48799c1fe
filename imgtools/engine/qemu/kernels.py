"""The kernels of this host that libguestfs' appliance can boot, and where libguestfs keeps the appliance."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KernelFact:
    """A kernel that the appliance could boot."""

    path: str
    readable: bool
    has_modules: bool  # /lib/modules/VERSION is there


def find_kernels() -> tuple[KernelFact, ...]:
    """Return the kernels that supermin would consider (its source, src/format_ext2_kernel.ml), newest last."""
    chosen = os.environ.get("SUPERMIN_KERNEL")
    if chosen:
        modules = Path(os.environ.get("SUPERMIN_MODULES") or _modules_of(Path(chosen)))
        return (KernelFact(chosen, os.access(chosen, os.R_OK), modules.is_dir()),)
    found = [*Path("/lib/modules").glob("*/vmlinuz"), *Path("/boot").glob("vmlinu?-*")]
    return tuple(
        KernelFact(str(path), os.access(path, os.R_OK), _modules_of(path).is_dir()) for path in sorted(found)
    )


def _modules_of(kernel: Path) -> Path:
    """The folder of a kernel's modules; the version stands in the name of the file or of its folder."""
    version = kernel.parent.name if kernel.name == "vmlinuz" else kernel.name.partition("-")[2]
    return Path("/lib/modules") / version


def kernel_to_try() -> Path | None:
    """Return the kernel that the appliance boots, or one like it, for a trial; None if this user can read none.

    That of an appliance made by hand, else the newest that supermin would take, else the copy that it has made.
    """
    fixed = os.environ.get("LIBGUESTFS_PATH", "")
    usable = [Path(kernel.path) for kernel in find_kernels() if kernel.readable and kernel.has_modules]
    places = [Path(fixed, "kernel")] if fixed else []
    places += [*reversed(usable), appliance_folder() / "appliance.d" / "kernel"]
    return next((place for place in places if place.is_file() and os.access(place, os.R_OK)), None)


def appliance_folder() -> Path:
    """Where libguestfs keeps the appliance of this user (guestfs(3), LIBGUESTFS_CACHEDIR)."""
    top = Path(os.environ.get("LIBGUESTFS_CACHEDIR") or os.environ.get("TMPDIR") or "/var/tmp")
    return top / f".guestfs-{os.geteuid()}"
