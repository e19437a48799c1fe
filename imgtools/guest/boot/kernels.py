"""The kernels installed in a Linux guest: image, initial RAM disk, modules, and whether they know virtio."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind

MAX_KERNELS = 100
MODULES_LIMIT = 16 << 20  # bytes of modules.dep; 0.5 MB in a distribution's kernel
HEAD = 1 << 16  # bytes of a kernel that are read for its version

# What a kernel's file is called: "vmlinuz-6.1.0-18-amd64", Arch's "vmlinuz-linux", Gentoo's "kernel-6.1.67-gentoo".
IMAGE_NAME = re.compile(r"(?:vmlinu[xz]|[Ii]mage|kernel|bzImage|zImage|uImage)(?:[-.](?P<suffix>.+))?$")
NOT_A_KERNEL = re.compile(r"\.(hmac|sig|old|bak|debug|dpkg-\w+|rpm\w+)$|-debuginfo")
UKI_VERSION = re.compile(r"^.*?(\d+\.\d+.*)$")
FOLDERS = ("/boot", "/boot/efi", "/efi")

# Driver -> the module that has it.
DRIVERS = {
    "virtio_blk": "virtio_blk",
    "virtio_net": "virtio_net",
    "virtio_scsi": "virtio_scsi",
    "virtio_rng": "virtio-rng",
    "virtio_balloon": "virtio_balloon",
    "virtio_socket": "vmw_vsock_virtio_transport",
    "isa_pvpanic": "pvpanic",
    "nvme": "nvme",
    "xen_blk": "xen-blkfront",
    "vmware_pvscsi": "vmw_pvscsi",
    "hyperv_storage": "hv_storvsc",
}


@dataclass(frozen=True, slots=True)
class Kernel:
    """One installed kernel. Paths are guest paths; empty where there is no such file."""

    version: str
    vmlinuz: str
    initrd: str = ""
    modules_path: str = ""
    config_file: str = ""
    drivers: tuple[str, ...] = ()  # of DRIVERS, what it has as a module or built in
    default: bool = False  # what the boot loader starts
    cmdline: str = ""  # what the boot loader gives it


def find_kernels(files: GuestReader) -> tuple[Kernel, ...]:
    """Return the installed kernels, newest first. Which one is the default only the boot loader knows."""
    images = list(_images(files))[:MAX_KERNELS]
    modules = _module_folders(files)
    found = [_kernel(files, path, suffix, modules) for path, suffix in images]
    # The same kernel may lie in /boot and in /usr/lib/modules, where dracut's distributions keep the original.
    first: dict[str, Kernel] = {}
    for kernel in found:
        first.setdefault(kernel.version, kernel)
    return tuple(sorted(first.values(), key=lambda kernel: version_key(kernel.version), reverse=True))


def version_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Order versions as people do: 6.10 after 6.9, letters before numbers."""
    return tuple(
        (1, int(part[:18]), "") if part.isdigit() else (0, 0, part)
        for part in re.findall(r"\d+|[a-zA-Z]+", text)
    )


def _images(files: GuestReader) -> Iterator[tuple[str, str]]:
    """Yield the paths of kernel images, and what their names say of the version."""
    for folder in FOLDERS:
        if files.is_dir(folder):
            for entry in files.list_dir(folder):
                yield from _image(folder, entry.name, entry.stat.kind)
    for folder in FOLDERS:
        # The Boot Loader Specification's place: ESP/MACHINE-ID/VERSION/linux
        for path in files.glob(f"{folder}/[0-9a-f]*/*/linux"):
            if files.is_file(path):
                yield path, path.split("/")[-2]
        # Unified kernel images, whose names say the version: ENTRY-TOKEN-6.8.9-300.fc40.x86_64.efi
        for path in files.glob(f"{folder}/EFI/Linux/*.efi"):
            yield path, UKI_VERSION.sub(r"\1", path.rpartition("/")[2].removesuffix(".efi"))
    for path in files.glob("/usr/lib/modules/*/vmlinuz"):
        yield path, path.split("/")[-2]


def _image(folder: str, name: str, kind: FileKind) -> Iterator[tuple[str, str]]:
    match = IMAGE_NAME.fullmatch(name)
    # Links (/boot/vmlinuz -> vmlinuz-6.4.0) only repeat a kernel.
    if match and kind is FileKind.FILE and not NOT_A_KERNEL.search(name) and "rescue" not in name:
        yield join(folder, name), match["suffix"] or ""


def _module_folders(files: GuestReader) -> dict[str, str]:
    """Return version -> folder of all module trees."""
    for parent in ("/lib/modules", "/usr/lib/modules"):
        if files.is_dir(parent):
            entries = files.list_dir(parent)
            return {
                entry.name: join(parent, entry.name)
                for entry in entries
                if entry.stat.kind is FileKind.DIRECTORY and re.match(r"\d", entry.name)
            }
    return {}


def _kernel(files: GuestReader, path: str, suffix: str, modules: dict[str, str]) -> Kernel:
    version = suffix if suffix in modules else _version_of(files, path) or suffix
    if version not in modules and not re.match(r"\d", version) and len(modules) == 1:
        version = next(iter(modules))  # Alpine's vmlinuz-virt: the only modules are its own
    modules_path = modules.get(version, "")
    folder = path.rpartition("/")[0]
    config = next(
        (one for one in (f"/boot/config-{version}", f"{folder}/config-{suffix}") if files.is_file(one)), ""
    )
    return Kernel(
        version,
        path,
        initrd=_initrd(files, folder, version, suffix),
        modules_path=modules_path,
        config_file=config,
        drivers=find_drivers(files, modules_path) if modules_path else (),
    )


def _version_of(files: GuestReader, path: str) -> str:
    """Read the version in the head of an x86 kernel (Documentation/arch/x86/boot.rst: HdrS, kernel_version)."""
    if files.stat(path).size < 0x210:
        return ""
    with files.open(path) as stream:
        head = stream.read(HEAD)
    if len(head) < 0x210 or head[0x202:0x206] != b"HdrS":
        return ""
    (offset,) = struct.unpack_from("<H", head, 0x20E)
    text = head[offset + 0x200 : offset + 0x280].partition(b"\0")[0] if offset else b""
    return text.decode("ascii", "replace").partition(" ")[0]


def _initrd(files: GuestReader, folder: str, version: str, suffix: str) -> str:
    if folder.endswith(f"/{version}") or folder.startswith("/usr/lib/modules"):
        # The last is Debian's: its kernel-install copies what lies in /boot.
        names = ["initrd", "initrd.img", "initramfs.img", f"initrd.img-{version}"]
    else:
        names = [
            name
            for one in dict.fromkeys((version, suffix))
            for name in (
                f"initrd.img-{one}",
                f"initramfs-{one}.img",
                f"initrd-{one}",
                f"initrd-{one}.img",
                f"initramfs-{one}",
                f"initramfs-genkernel-x86_64-{one}",
            )
        ]
    return next((path for name in names if files.is_file(path := join(folder, name))), "")


def find_drivers(files: GuestReader, modules_path: str) -> tuple[str, ...]:
    """Return the drivers of :data:`DRIVERS` that a module tree has, as modules or built in."""
    text = ""
    for name in ("modules.dep", "modules.builtin"):
        path = f"{modules_path}/{name}"
        if files.is_file(path) and files.stat(path).size <= MODULES_LIMIT:
            text += files.read_text(path, limit=MODULES_LIMIT) + "\n"
    there = set(re.findall(r"/([\w-]+)\.ko(?:\.\w+)?(?=[:\n])", text))
    return tuple(name for name, module in DRIVERS.items() if {module, module.replace("_", "-")} & there)
