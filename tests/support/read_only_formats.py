"""Images of the formats that QEMU reads and nobody here writes: Bochs, cloop, DMG. Made by hand, as QEMU reads them."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

SECTOR = 512


def bochs_of(content: bytes, path: Path) -> Path:
    """A growing Bochs disk (block/bochs.c): a catalog of extents, each behind a bitmap of its sectors."""
    extent = 1 << 20
    pieces = [content[at : at + extent] for at in range(0, len(content), extent)]
    kept = [piece for piece in pieces if any(piece)]
    catalog = [kept.index(piece) if any(piece) else 0xFFFFFFFF for piece in pieces]
    names = (
        b"Bochs Virtual HD Image".ljust(32, b"\0") + b"Redolog".ljust(16, b"\0") + b"Growing".ljust(16, b"\0")
    )
    numbers = struct.pack(
        "<IIIIIIQ", 0x00020000, SECTOR, len(catalog), extent // SECTOR // 8, extent, 0, len(content)
    )
    header = (names + numbers).ljust(SECTOR, b"\0") + struct.pack(f"<{len(catalog)}I", *catalog)
    bitmap = b"\xff" * (extent // SECTOR // 8)
    body = b"".join(bitmap.ljust(SECTOR, b"\0") + piece for piece in kept)
    path.write_bytes(header + body)
    return path


def cloop_of(content: bytes, path: Path) -> Path:
    """A compressed loop image (block/cloop.c): zlib blocks behind a table of where they are."""
    size = 1 << 16
    blocks = [zlib.compress(content[at : at + size]) for at in range(0, len(content), size)]
    head = b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n"
    place = 128 + 8 + 8 * (len(blocks) + 1)
    table = [place + sum(map(len, blocks[:number])) for number in range(len(blocks) + 1)]
    numbers = struct.pack(f">II{len(table)}Q", size, len(blocks), *table)
    path.write_bytes(head.ljust(128, b"\0") + numbers + b"".join(blocks))
    return path


def dmg_of(content: bytes, path: Path) -> Path:
    """A disk image of macOS (block/dmg.c): chunks, a property list that tells of them, and a trailer."""
    sectors = len(content) // SECTOR
    step = 2048  # sectors in a chunk
    starts = range(0, sectors, step)
    packed = [zlib.compress(content[at * SECTOR : (at + step) * SECTOR]) for at in starts]
    places = [sum(map(len, packed[:number])) for number in range(len(packed))]
    chunks = [
        struct.pack(">IIQQQQ", 0x80000005, 0, start, min(step, sectors - start), place, len(piece))
        for start, place, piece in zip(starts, places, packed, strict=True)
    ]
    chunks.append(struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, sectors, 0, sum(map(len, packed)), 0))
    mish = struct.pack(">4sIQQQII", b"mish", 1, 0, sectors, 0, step, 0).ljust(200, b"\0")
    mish += struct.pack(">I", len(chunks)) + b"".join(chunks)
    body = b"".join(packed)
    words = base64.b64encode(mish).decode()
    plist = f"<plist><dict><key>blkx</key><array><data>{words}</data></array></dict></plist>".encode()
    trailer = bytearray(SECTOR)
    struct.pack_into(">4sIIIQQQQQ", trailer, 0, b"koly", 4, SECTOR, 1, 0, 0, len(body), 0, 0)
    struct.pack_into(">QQ", trailer, 0xD8, len(body), len(plist))
    struct.pack_into(">Q", trailer, 0x1EC, sectors)
    path.write_bytes(body + plist + bytes(trailer))
    return path
