"""A kernel's image: what kind it is, for which processor, and whether all of it is there.

Sources: Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst of the kernel, its
arch/x86/boot/header.S and drivers/firmware/efi/libstub/zboot-header.S, "PE Format" of Microsoft.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from imgtools.files.tree import GuestReader
from imgtools.volumes.pe import PE_MACHINES, PeImage, read_pe

HEAD = 1 << 16  # bytes that are looked at
SECTOR = 512
ELF_MACHINES = {3: "i386", 62: "x86_64", 183: "aarch64", 40: "arm", 243: "riscv64", 22: "s390x", 21: "ppc64"}


@dataclass(frozen=True, slots=True)
class KernelImage:
    """``kind`` is ``bzImage``, ``pe``, ``arm64``, ``elf``, ``gzip``, ``u-boot``, or "": none that is known.

    ``arch`` as :class:`~imgtools.records.system.OsInfo` has it, "" where the head does not tell. ``version`` is what
    a bzImage says itself. ``problem`` is why it cannot be whole.
    """

    kind: str
    size: int
    arch: str = ""
    version: str = ""
    problem: str = ""


def read_kernel_image(files: GuestReader, path: str) -> KernelImage:
    """Read the head of a kernel.

    :raises NoSuchGuestFile: it is not there.
    """
    size = files.stat(path).size
    if not size:
        return KernelImage("", 0, problem="it is empty")
    with files.open(path) as stream:
        head = stream.read(HEAD)
        while 0 < len(head) < min(HEAD, size) and (more := stream.read(HEAD - len(head))):
            head += more
    return parse_kernel_image(head, size)


def parse_kernel_image(head: bytes, size: int) -> KernelImage:
    """Tell a kernel from its first bytes and its length."""
    if len(head) >= 0x260 and head[0x202:0x206] == b"HdrS":
        return _bz_image(head, size)
    if head[0x38:0x3C] == b"ARM\x64":
        return KernelImage("arm64", size, "aarch64")
    if head[:4] == b"\x7fELF" and len(head) > 20:
        return KernelImage("elf", size, ELF_MACHINES.get(head[18] | head[19] << 8, ""))
    if head[:2] == b"MZ":
        return _pe(head, size)
    if head[:2] == b"\x1f\x8b":
        return KernelImage("gzip", size)
    if head[:4] == b"\x27\x05\x19\x56":
        return KernelImage("u-boot", size)
    zeros = not head.strip(b"\0")
    return KernelImage(
        "", size, problem="it begins with zeros" if zeros else "its first bytes are no kernel's"
    )


def _bz_image(head: bytes, size: int) -> KernelImage:
    """The setup code has ``setup_sects`` sectors behind the first, the kernel ``syssize`` paragraphs of 16 bytes."""
    sectors = head[0x1F1] or 4
    (paragraphs,) = struct.unpack_from("<I", head, 0x1F4)
    protocol, version_at = struct.unpack_from("<H6xH", head, 0x206)
    (flags,) = struct.unpack_from("<H", head, 0x236)
    needed = (sectors + 1) * SECTOR + paragraphs * 16
    arch = ("x86_64" if flags & 1 else "i386") if protocol >= 0x20C else ""
    text = head[version_at + 0x200 : version_at + 0x280].partition(b"\0")[0] if version_at else b""
    version = text.decode("ascii", "replace").partition(" ")[0]
    problem = f"it has {size} bytes of {needed} that its header tells" if size < needed else ""
    return KernelImage("bzImage", size, arch, version, problem)


def _pe(head: bytes, size: int) -> KernelImage:
    """A unified kernel image, or a compressed kernel of EFI's kind."""
    image = read_pe(head, size)
    if image is None:
        return KernelImage("pe", size, problem="its PE header is damaged")
    return KernelImage("pe", size, PE_MACHINES.get(image.machine, ""), problem=missing_end(image, size))


def missing_end(image: PeImage, size: int) -> str:
    """Say what a PE file lacks at its end; "" if all of its sections are there."""
    return f"it has {size} bytes of {image.end} that its sections take" if image.end > size else ""
