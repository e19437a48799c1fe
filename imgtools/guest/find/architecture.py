"""The processor that a guest's programs are made for, read from the head of an ELF file."""

from __future__ import annotations

import struct

from imgtools.errors import GuestFileError
from imgtools.files.tree import GuestReader

# Programs that every Linux has one of; a script or a missing one is passed over.
PROGRAMS = (
    "/bin/bash",
    "/bin/ls",
    "/bin/echo",
    "/bin/rm",
    "/bin/sh",
    "/usr/bin/env",
    "/sbin/init",
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd",
)

# e_machine of the ELF header (System V ABI, /usr/include/elf.h) in the words of libguestfs' file_architecture;
# those with a class or a byte order in their name are below.
MACHINES = {
    2: "sparc",
    3: "i386",
    4: "m68k",
    6: "i486",
    15: "parisc",
    18: "sparc",
    20: "ppc",
    40: "arm",
    42: "sh4",
    43: "sparc64",
    50: "ia64",
    62: "x86_64",
    183: "aarch64",
    0x9026: "alpha",
}
MIPS, PPC64, S390, RISCV, LOONGARCH = 8, 21, 22, 243, 258


def elf_architecture(head: bytes) -> str:
    """Return the architecture of an ELF file from its first 20 bytes; "" if it is not one."""
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return ""
    bits, little = 32 * head[4], head[5] == 1
    (machine,) = struct.unpack("<H" if little else ">H", head[18:20])
    if machine == MIPS:
        return f"mips{'64' if bits == 64 else ''}{'el' if little else ''}"
    if machine == PPC64:
        return "ppc64le" if little else "ppc64"
    if machine == S390:
        return "s390x" if bits == 64 else "s390"
    if machine in (RISCV, LOONGARCH):
        return f"{'riscv' if machine == RISCV else 'loongarch'}{bits}"
    return MACHINES.get(machine, "")


def find_architecture(files: GuestReader) -> str:
    """Return the architecture of the guest's own programs; ``unknown`` if none of them can be read."""
    for path in PROGRAMS:
        try:
            with files.open(path) as stream:
                found = elf_architecture(stream.read(20))
        except GuestFileError:
            continue
        if found:
            return found
    return "unknown"
