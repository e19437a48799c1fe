"""The kernels that the boot menu starts: there, whole, for this processor, and with their modules.

The default entry's kernel stops the machine if it is not there, is shorter than its own header tells, or is for another
processor than the guest's programs. Without its modules it starts, and has no network and few filesystems. The other
entries' kernels are looked at too: nobody is helped by a menu that fails at the second try.

What is not looked at: the kernel's bytes behind its header, and signatures for Secure Boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.guest.boot.kernel_image import KernelImage, read_kernel_image
from imgtools.guest.boot.kernels import IMAGE_NAME
from imgtools.guest.boot.start import Start, Started
from imgtools.ops.boot_start import boot_start
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotThere, Remedy, Severity

MAX_OTHERS = 20  # entries beside the default one that are looked at
CONFIG_LIMIT = 4 << 20
# Which kernels a guest's programs run on; of others nothing is said.
RUNS_ON = {"x86_64": {"x86_64"}, "i386": {"x86_64", "i386"}, "aarch64": {"aarch64"}}


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with the kernels that the menu names."""
    start = examined.once(boot_start)
    if not start.entries:
        yield NotThere("no boot menu starts a kernel")
        return
    seen: set[str] = set()
    for one in start.entries[: MAX_OTHERS + 1]:
        if one.kernel is not None and one.kernel.said not in seen:
            seen.add(one.kernel.said)
            yield from _kernel(examined, start, one)


def _kernel(examined: Examined, start: Start, one: Started) -> Iterator[Seen]:
    if one.kernel is None:
        return
    if not one.kernel.path:
        menu = Evidence(start.config or "/boot/loader/entries", text=one.kernel.said)
        text = f"the entry {one.name!r} starts {one.kernel.said}, which is not there"
        yield _finding(examined, start, one, "kernel-missing", text, menu)
        return
    path, image = one.kernel.path, read_kernel_image(examined.files, one.kernel.path)
    runs = RUNS_ON.get(examined.system.os.arch, {image.arch})
    if image.problem:
        text = f"{path} is not whole: {image.problem}"
        yield _finding(examined, start, one, "kernel-damaged", text, Evidence(path, text=image.problem))
    elif image.arch and image.arch not in runs:
        text = f"{path} is for {image.arch}, the guest's programs are for {examined.system.os.arch}"
        yield _finding(examined, start, one, "kernel-architecture", text, Evidence(path, text=image.kind))
    else:
        yield from _modules(examined, start, one, image)


def _modules(examined: Examined, start: Start, one: Started, image: KernelImage) -> Iterator[Seen]:
    version = version_of(one, image)
    folder = f"/lib/modules/{version}"
    if not version or not _wants_modules(examined, version) or _has_modules(examined, folder):
        return
    text = f"{folder} is not there, or is empty: the kernel {version} has no drivers but those in its initrd"
    yield _finding(examined, start, one, "modules-missing", text, Evidence(folder, text="no modules"))


def _finding(
    examined: Examined, start: Start, one: Started, name: str, text: str, evidence: Evidence
) -> Finding:
    remedy, advice = _cure(examined, start, one)
    return Finding(
        name,
        text,
        severity=Severity.BROKEN if one.default else Severity.SUSPICIOUS,
        evidence=(evidence,),
        remedy=remedy,
        advice=advice,
    )


def _has_modules(examined: Examined, folder: str) -> bool:
    files = examined.files
    return files.is_dir(f"{folder}/kernel") or files.is_file(f"{folder}/modules.dep")


def _wants_modules(examined: Examined, version: str) -> bool:
    """Whether a kernel has modules at all: its configuration tells, where it is there; and others have some."""
    path = f"/boot/config-{version}"
    if examined.files.is_file(path) and examined.files.stat(path).size <= CONFIG_LIMIT:
        text = examined.files.read_text(path, limit=CONFIG_LIMIT)
        if "# CONFIG_MODULES is not set" in text:
            return False
    return bool(re.match(r"\d", version))


def version_of(one: Started, image: KernelImage) -> str:
    """The version of a kernel: as it says itself, else as its entry or its name has it."""
    name = one.kernel.path.rpartition("/")[2] if one.kernel else ""
    match = IMAGE_NAME.fullmatch(name)
    return image.version or (match["suffix"] if match and match["suffix"] else "") or one.entry.version


def _cure(examined: Examined, start: Start, one: Started) -> tuple[Remedy | None, str]:
    """Another kernel made the default, if one is whole; for other entries, the menu made anew."""
    if not one.default:
        return (
            (Remedy("grub-config", ("force=yes",)), "")
            if start.loader == "grub2"
            else (None, "delete the entry")
        )
    for other in start.entries[1 : MAX_OTHERS + 1]:
        if other.kernel is None or not other.kernel.path or other.kernel == one.kernel:
            continue
        image = read_kernel_image(examined.files, other.kernel.path)
        version = version_of(other, image)
        if not image.problem and version and _has_modules(examined, f"/lib/modules/{version}"):
            return Remedy("default-kernel", (f"kernel={version}",)), ""
    return None, "install the kernel's package again, or another kernel: imgtools rescue"


STATION = Station(
    summary="The kernels of the boot menu and their modules",
    place=210,
    look=look,
    families=LINUX,
    causes={
        "kernel-missing": "The boot menu names a kernel that is not there: its package was removed or half installed, "
        "/boot was full, or it is another filesystem than it was.",
        "kernel-damaged": "The kernel's file is empty, begins with zeros, or is shorter than its own header tells: the "
        "disk was full, or the machine was switched off before it was on the disk.",
        "kernel-architecture": "The kernel is for another processor than the guest's programs.",
        "modules-missing": "The folder of the kernel's modules is gone. It starts, and has no drivers but those in "
        "its initial RAM disk: no network, and no filesystem but the root's.",
    },
    mended={
        "default-kernel": ("kernel-missing", "kernel-damaged", "kernel-architecture", "modules-missing"),
        "grub-config": ("kernel-missing", "kernel-damaged", "kernel-architecture", "modules-missing"),
    },
)
