"""Unified kernel images: a kernel, its arguments and its initial RAM disk as sections of one program of EFI's.

Source: "Unified Kernel Image" of the UAPI group; systemd-stub(7). An image may have several profiles: what stands
before the first ``.profile`` is what all have in common, and is what is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.initrd import Initrd, read_initrd_stream
from imgtools.volumes.pe import Section, read_pe

HEAD = 8192
CMDLINE_LIMIT = 1 << 16  # bytes of arguments; COMMAND_LINE_SIZE of the kernel is 2048 on x86


@dataclass(frozen=True, slots=True)
class UnifiedKernel:
    """``cmdline`` is None where the boot loader gives it, ``initrd`` where there is none, or it is not asked for."""

    path: str
    cmdline: str | None = None
    initrd: Initrd | None = None


def read_unified(files: GuestReader, path: str, *, initrd: bool) -> UnifiedKernel:
    """Read what a unified kernel image holds beside its kernel; what is no image at all has neither.

    :param initrd: whether its initial RAM disk is unpacked.
    :raises ToolMissing: zstd or lz4 is needed and not installed.
    """
    with files.open(path) as stream:
        image = read_pe(stream.read(HEAD), files.stat(path).size)
        if image is None:
            return UnifiedKernel(path)
        said, packed = image.section(".cmdline"), image.section(".initrd")
        words = _text(stream, said) if said is not None else None
        unpacked = read_initrd_stream(_Part(stream, packed)) if initrd and packed is not None else None
    return UnifiedKernel(path, words, unpacked)


def _text(stream: BinaryIO, section: Section) -> str:
    stream.seek(section.start)
    raw = stream.read(min(section.used, CMDLINE_LIMIT))
    return raw.rstrip(b"\0\n").decode("utf-8", "replace")


# What a unified kernel image is taken apart into, and the sections that the parts are in.
PARTS = {"vmlinuz": ".linux", "initrd": ".initrd", "cmdline": ".cmdline", "osrel": ".osrel"}


@dataclass(frozen=True, slots=True)
class UnifiedPart:
    """A part of a unified kernel image: its bytes in the file."""

    name: str
    start: int
    size: int


def unified_parts(files: GuestReader, path: str) -> dict[str, UnifiedPart]:
    """Return the parts of a unified kernel image by the names of :data:`PARTS`; none of what is no such image."""
    with files.open(path) as stream:
        image = read_pe(stream.read(HEAD), files.stat(path).size)
    if image is None or image.section(PARTS["vmlinuz"]) is None:
        return {}
    sections = {name: image.section(section) for name, section in PARTS.items()}
    return {name: UnifiedPart(name, one.start, one.used) for name, one in sections.items() if one is not None}


class _Part:
    """The bytes of a section, read forwards."""

    def __init__(self, stream: BinaryIO, section: Section) -> None:
        stream.seek(section.start)
        self._stream, self._left = stream, section.used

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; fewer only at the end."""
        found = self._stream.read(min(size, self._left))
        self._left -= len(found)
        return found
