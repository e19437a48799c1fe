"""What an EFI system partition holds: its programs, whose they are, and where its GRUBs look on.

Sources: UEFI Specification 2.10, chapter 3.5.1.1 (the fallback path); README.fallback and the loader's name of shim;
"Unified Kernel Image" of the UAPI group (sections).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.files.tree import DAMAGE, GuestReader
from imgtools.guest.boot.grub_place import GrubPlace, place_in_config, place_of
from imgtools.guest.boot.kernel_image import missing_end
from imgtools.volumes.grub_core import built_in
from imgtools.volumes.pe import PE_MACHINES, PeImage, read_pe

MAX_PROGRAMS = 200
LARGEST = 8 << 20  # bytes of a boot loader that are looked through; 4 MB are signed GRUBs, more are kernels
HEAD = 8192
CONFIG_LIMIT = 1 << 20
FALLBACKS = {"x86_64": "BOOTX64.EFI", "i386": "BOOTIA32.EFI", "aarch64": "BOOTAA64.EFI", "arm": "BOOTARM.EFI",
             "riscv64": "BOOTRISCV64.EFI"}  # fmt: skip
NEXT_OF_SHIM = re.compile(rb"(?:\\\0)?((?:g\0r\0u\0b\0)(?:[a-z0-9]\0){2,8}\.\0e\0f\0i\0)")
GRUB_SECTION = "mods"


@dataclass(frozen=True, slots=True)
class EfiProgram:
    """A program on an ESP. ``path`` counts from the ESP's root.

    ``loader``: ``shim``, ``grub``, ``systemd-boot``, ``uki`` or "". ``problem``: why it cannot be whole.
    ``follower``: the program that a shim starts. ``place``: where a GRUB looks that has it built in.
    """

    path: str
    arch: str = ""
    loader: str = ""
    problem: str = ""
    follower: str = ""
    place: GrubPlace | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stub:
    """A grub.cfg on an ESP, and where it leads."""

    path: str
    place: GrubPlace


def efi_programs(files: GuestReader) -> Iterator[EfiProgram]:
    """Yield the programs of an ESP: two folders deep, as everybody installs them."""
    found = (path for pattern in ("/EFI/*/*.efi", "/EFI/*/*.EFI") for path in files.glob(pattern))
    for path in list(dict.fromkeys(map(files.locate, found)))[:MAX_PROGRAMS]:
        if files.is_file(path):
            yield _program(files, path)


def stubs(files: GuestReader) -> Iterator[Stub]:
    """Yield the configurations that lead a signed GRUB to its folder."""
    for path in list(files.glob("/EFI/*/grub.cfg"))[:MAX_PROGRAMS]:
        if files.is_file(path) and files.stat(path).size <= CONFIG_LIMIT:
            text = files.read_text(path, limit=CONFIG_LIMIT)
            if "menuentry" not in text and "blscfg" not in text:
                yield Stub(path, place_in_config(text))


def fallback_path(arch: str) -> str:
    """Return what UEFI starts from a disk that its own variables say nothing of."""
    return f"/EFI/BOOT/{FALLBACKS.get(arch, 'BOOTX64.EFI')}"


def _program(files: GuestReader, path: str) -> EfiProgram:
    size = files.stat(path).size
    if not size:
        return EfiProgram(path, problem="it is empty")
    try:
        with files.open(path) as stream:
            content = stream.read(min(size, LARGEST))
    except DAMAGE as error:
        return EfiProgram(path, problem=error.message)
    image = read_pe(content[:HEAD], size)
    if image is None:
        zeros = not content[:HEAD].strip(b"\0")
        return EfiProgram(path, problem="it begins with zeros" if zeros else "it is no program of EFI's")
    return _known(path, content, size, image)


def _known(path: str, content: bytes, size: int, image: PeImage) -> EfiProgram:
    names = tuple(one.name for one in image.sections)
    loader, follower, place = "", "", None
    section = image.section(GRUB_SECTION)
    if section is not None:
        loader = "grub"
        place = place_of(built_in(content[section.start : section.start + section.size]))
    elif ".linux" in names or path.startswith("/EFI/Linux/"):
        loader = "uki"
    elif b"#### LoaderInfo: systemd-boot" in content:
        loader = "systemd-boot"
    elif b"shim," in content and (found := NEXT_OF_SHIM.search(content)):
        loader, follower = "shim", found[1].decode("utf-16-le")
    return EfiProgram(
        path,
        PE_MACHINES.get(image.machine, ""),
        loader,
        missing_end(image, size) or _missing_section(loader, names),
        follower,
        place,
        names,
    )


def _missing_section(loader: str, names: tuple[str, ...]) -> str:
    """A unified kernel image has at least a kernel; without an initrd or arguments it may be meant to be so."""
    return "it has no section .linux" if loader == "uki" and ".linux" not in names else ""
