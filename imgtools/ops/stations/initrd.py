"""The initial RAM disk of the entry that starts by default: there, whole, and with what the root needs.

It is unpacked to its end (gzip, xz, zstd, lz4, bzip2, lzma, archives that are not packed), without keeping anything.
Its modules have to be of the kernel that is started. The drivers of the root's filesystem, of LVM, RAID and LUKS, and
of a virtual machine's disks have to be in it or built into the kernel, and so the tools that put volumes together. Of
the other entries' it is only looked whether they are there; with `--thorough` they are unpacked too. The one in the
newest unified kernel image is unpacked as well.

What is not looked at: the scripts in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from imgtools.guest.boot.initrd import Initrd, read_initrd
from imgtools.guest.boot.kernel_image import read_kernel_image
from imgtools.guest.boot.needs import VIRTUAL, disk_drivers, kernel_modules, lacks, offered_drivers
from imgtools.guest.boot.start import Start, Started
from imgtools.guest.boot.unified import UnifiedKernel
from imgtools.ops.boot_start import MAKE_AGAIN, boot_start, severity_of, unified_images
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, NotThere, Remedy, Severity
from imgtools.records.disks import Holder

MAX_OTHERS = 20
# Words of root= that a kernel looks up itself, without an initial RAM disk.
PLAIN = ("/dev/sd", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk", "PARTUUID=", "PARTLABEL=")


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what is wrong with the initial RAM disks that the menu names."""
    start, images = examined.once(boot_start), examined.once(unified_images)
    for image in images:
        yield from _unified(examined, image)
    if not start.entries:
        if not images:
            yield NotThere("no boot menu starts a kernel")
        return
    first = start.entries[0]
    yield from _default(examined, start, first)
    seen = {one.said for one in first.initrds}
    for other in start.entries[1 : MAX_OTHERS + 1]:
        for named in other.initrds:
            if named.said not in seen:
                seen.add(named.said)
                yield from _other(examined, other, named.said, named.path)


def _unified(examined: Examined, image: UnifiedKernel) -> Iterator[Seen]:
    """The initial RAM disk inside a program of EFI's: no repair of files makes it anew."""
    initrd = image.initrd
    if initrd is not None and (initrd.problem or initrd.junk):
        problem = initrd.problem or initrd.junk
        yield Finding(
            "initrd-damaged",
            f"the initial RAM disk in {image.path} does not unpack to its end: {problem}",
            severity=severity_of(examined, image) if initrd.problem else Severity.SUSPICIOUS,
            evidence=(Evidence(image.path, text=f".initrd: {problem}"),),
            advice=MAKE_AGAIN,
        )
    elif initrd is not None and initrd.closed:
        yield NotKnown(f"{image.path}: {initrd.closed}")


def _default(examined: Examined, start: Start, one: Started) -> Iterator[Seen]:
    if not one.initrds:
        if _needs_one(examined, start, one):
            yield _missing(
                examined,
                one,
                f"the entry {one.name!r} names no initial RAM disk, and the root needs one",
                start.config,
            )
        return
    lost = [named for named in one.initrds if not named.path]
    for named in lost:
        text = f"the entry {one.name!r} names {named.said}, which is not there"
        yield _missing(examined, one, text, named.said)
    if not lost:
        initrd = read_initrd(examined.files, *(named.path for named in one.initrds))
        yield from _unpacked(examined, one, initrd)


def _needs_one(examined: Examined, start: Start, one: Started) -> bool:
    """Whether a kernel without an initial RAM disk cannot find this root: others have one, and names are not plain."""
    root = next((word[5:] for word in one.entry.cmdline.split() if word.startswith("root=")), "")
    stacked = examined.system.root.holder in (Holder.LV, Holder.MD, Holder.CRYPT)
    others = any(other.initrds for other in start.entries[1:])
    return bool(root) and (stacked or (others and not root.startswith(PLAIN)))


def _remedy(examined: Examined, one: Started) -> Remedy:
    return Remedy("initramfs", (f"kernel={version}",) if (version := _version(examined, one)) else ())


def _version(examined: Examined, one: Started) -> str:
    """The version of an entry's kernel, whose modules an initial RAM disk is made of; "" if nothing tells."""
    said = ""
    if one.kernel is not None and one.kernel.path:
        said = read_kernel_image(examined.files, one.kernel.path).version
        said = said or one.kernel.path.rpartition("/")[2].partition("-")[2]
    version = said or one.entry.version
    return version if version and examined.files.is_dir(f"/lib/modules/{version}") else ""


def _missing(examined: Examined, one: Started, text: str, path: str) -> Finding:
    return Finding(
        "initrd-missing",
        text,
        severity=Severity.BROKEN if one.default else Severity.SUSPICIOUS,
        evidence=(Evidence(path, text="not there"),),
        remedy=_remedy(examined, one),
    )


def _other(examined: Examined, one: Started, said: str, path: str) -> Iterator[Seen]:
    if not path:
        yield _missing(examined, one, f"the entry {one.name!r} names {said}, which is not there", said)
    elif not examined.files.stat(path).size:
        yield _damaged(examined, one, path, "it is empty")
    elif examined.thorough:
        yield from _read(examined, one, path, read_initrd(examined.files, path))


def _read(examined: Examined, one: Started, path: str, initrd: Initrd) -> Iterator[Seen]:
    """What keeps an initial RAM disk from being read to its end. Junk behind it is passed over by the kernel."""
    if initrd.problem:
        yield _damaged(examined, one, path, initrd.problem)
    elif initrd.closed:
        yield NotKnown(f"{path}: {initrd.closed}")
    elif initrd.junk:
        yield _damaged(examined, one, path, initrd.junk, stops=False)


def _damaged(examined: Examined, one: Started, path: str, problem: str, *, stops: bool = True) -> Finding:
    return Finding(
        "initrd-damaged",
        f"{path} does not unpack to its end: {problem}",
        severity=Severity.BROKEN if one.default and stops else Severity.SUSPICIOUS,
        confidence=Confidence.HIGH if stops else Confidence.MEDIUM,
        evidence=(Evidence(path, text=problem),),
        remedy=_remedy(examined, one),
    )


def _unpacked(examined: Examined, one: Started, initrd: Initrd) -> Iterator[Seen]:
    path = " ".join(named.path for named in one.initrds)
    yield from _read(examined, one, path, initrd)
    if initrd.problem or initrd.closed:
        return
    if not initrd.has_init:
        yield Finding(
            "initrd-no-init",
            f"{path} holds no /init: the kernel goes on without it",
            severity=Severity.BROKEN if _stacked(examined) else Severity.SUSPICIOUS,
            evidence=(Evidence(path, text=", ".join(initrd.archives)),),
            remedy=_remedy(examined, one),
        )
        return
    yield from _lacks(examined, one, initrd, path)


def _stacked(examined: Examined) -> bool:
    return examined.system.root.holder in (Holder.LV, Holder.MD, Holder.CRYPT)


def _lacks(examined: Examined, one: Started, initrd: Initrd, path: str) -> Iterator[Seen]:
    version = _version(examined, one)
    modules = kernel_modules(examined.files, f"/lib/modules/{version}")
    remedy = _remedy(examined, one)
    if version and initrd.kernels and version not in initrd.kernels:
        yield _foreign(examined, initrd, path, version)
        return
    for lack in lacks(initrd, modules, examined.system.root, examined.layout):
        yield Finding(
            f"initrd-{lack.kind}-missing",
            f"{path} lacks the {lack.kind} {lack.name}: {lack.why}",
            confidence=Confidence.HIGH if lack.kind == "driver" else Confidence.MEDIUM,
            evidence=(Evidence(path, text=f"no {lack.name} in it"),),
            remedy=remedy,
        )
    yield from _disks(path, disk_drivers(initrd, modules), offered_drivers(modules), remedy)


def _foreign(examined: Examined, initrd: Initrd, path: str, version: str) -> Finding:
    """A kernel loads no modules of another one; what is built into it may be enough."""
    modules = kernel_modules(examined.files, f"/lib/modules/{version}")
    bare = replace(initrd, names=frozenset(name for name in initrd.names if ".ko" not in name))
    lost = any(True for _lack in lacks(bare, modules, examined.system.root, examined.layout))
    there = ", ".join(sorted(initrd.kernels))
    return Finding(
        "initrd-modules-foreign",
        f"{path} holds modules of {there}, and the kernel {version} that it is for loads none of them",
        severity=Severity.BROKEN if lost or not disk_drivers(bare, modules) else Severity.SUSPICIOUS,
        evidence=(Evidence(path, text=f"lib/modules/{there}"),),
        remedy=Remedy("initramfs", (f"kernel={version}",)),
    )


def _disks(path: str, there: frozenset[str], offered: frozenset[str], remedy: Remedy) -> Iterator[Seen]:
    """A disk that the kernel has no driver for is not there: under KVM, that is one of virtio, NVMe or SCSI's."""
    if there.intersection(VIRTUAL) or not offered.intersection(VIRTUAL):
        return
    lost = ", ".join(sorted(offered.intersection(VIRTUAL)))
    yield Finding(
        "initrd-disk-drivers",
        f"{path} has no driver for the disks of a virtual machine ({lost}), which the kernel has"
        + (f"; the guest starts from others alone: {', '.join(sorted(there))}" if there else ""),
        severity=Severity.SUSPICIOUS if there else Severity.BROKEN,
        confidence=Confidence.MEDIUM,
        evidence=(Evidence(path, text=f"has {', '.join(sorted(there)) or 'none'}"),),
        remedy=remedy,
    )


STATION = Station(
    summary="The initial RAM disk and what the root needs of it",
    place=220,
    look=look,
    families=LINUX,
    causes={
        "initrd-missing": "The boot menu names an initial RAM disk that is not there, or none where the root needs "
        "one: /boot was full while it was made, or it was deleted. The kernel panics: VFS: Unable to mount root fs.",
        "initrd-damaged": "The initial RAM disk does not unpack to its end: /boot was full, or the machine was "
        "switched off while it was written. The kernel says: Initramfs unpacking failed, and does not find its root.",
        "initrd-no-init": "The initial RAM disk has no program to start. The kernel tries to mount the root itself, "
        "which it cannot do with LVM, RAID, encryption or a filesystem's UUID.",
        "initrd-driver-missing": "The driver of the root's filesystem or of what lies below it is a module, and not in "
        "the initial RAM disk: the root is not found, and a shell of the initramfs comes up.",
        "initrd-tool-missing": "The program that puts the root's volume together (lvm, mdadm, cryptsetup) is not in "
        "the initial RAM disk: the root is not found.",
        "initrd-modules-foreign": "The modules in the initial RAM disk are of another kernel than the one that it is "
        "started with: a kernel was updated and the copy on the ESP was not, or one file took the place of another. "
        "The drivers are not loaded, and the root is not found.",
        "initrd-disk-drivers": "The initial RAM disk has no driver for virtio, NVMe or SCSI disks, because it was made "
        "on other hardware for that alone: the guest has come from a real machine or another hypervisor.",
    },
    mended={
        "initramfs": (
            "initrd-missing",
            "initrd-damaged",
            "initrd-no-init",
            "initrd-driver-missing",
            "initrd-tool-missing",
            "initrd-modules-foreign",
            "initrd-disk-drivers",
        ),
    },
)
