"""GRUB's core image, made as grub-mkimage makes it."""

from __future__ import annotations

import lzma
import struct

from imgtools.volumes.grub_core import SECTOR, USUAL_START

PREFIX, CONFIG = "(,gpt1)/boot/grub", "search.fs_uuid 0123-4567 root\n"


def modules(wide: bool = False) -> bytes:
    """The modules of an image behind their header, of a processor with 32 or 64 bits."""
    texts = [(0, b"\x7fELF module"), (2, CONFIG.encode() + b"\0"), (3, PREFIX.encode() + b"\0")]
    body = b"".join(struct.pack("<II", kind, 8 + len(text)) + text for kind, text in texts)
    size = 24 if wide else 12
    head = struct.pack("<4s4xQQ" if wide else "<4sII", b"mimg", size, size + len(body))
    return head + body


def core_image(first_sector: int = 0) -> bytes:
    """A core image, with the list of its sectors if they are told."""
    kernel = bytes(range(256)) * 8 + modules()
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    packed = lzma.compress(kernel, lzma.FORMAT_RAW, filters=filters)
    image = bytearray(b"\x52\x56".ljust(USUAL_START, b"\x90") + packed)
    struct.pack_into("<II", image, SECTOR + 8, len(packed), len(kernel))
    sectors = -(-len(image) // SECTOR) - 1
    image[0x150:SECTOR] = bytes(SECTOR - 0x150)
    struct.pack_into("<QHH", image, 0x1F4, first_sector + 1, sectors, 0x820)
    return bytes(image)
