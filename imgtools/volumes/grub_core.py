"""GRUB's core image: the sectors that it lies in, whether it is whole, and what it looks for.

The first sector of the BIOS's (diskboot.img) ends with a list of the others; in the second begins what unpacks the
rest, with the lengths; then comes LZMA. Unpacked, and in EFI's image as it is, a header "mimg" leads to the modules,
among them the prefix and the configuration built in.

Sources: grub-core/boot/i386/pc/{diskboot,startup_raw}.S, include/grub/i386/pc/boot.h, include/grub/offsets.h,
include/grub/kernel.h of GRUB 2.06.
"""

from __future__ import annotations

import lzma
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.records.disks import DeviceBytes

SECTOR = 512
FIRST_LIST = 0x1F4  # in diskboot.img: the first of the entries of 12 bytes, which go downwards
LAST_LIST = 0x150
MAX_SECTORS = 4096  # real mode has room for less than a thousand
LENGTHS = SECTOR + 0x08  # compressed size, uncompressed size
REDUNDANCY = SECTOR + 0x10  # written by grub-install: the length behind the core that mends it
UNPROTECTED = (
    SECTOR + 0x14
)  # how long what comes before the part that is mended is, counted from the second sector
USUAL_START = 0xD20  # of the LZMA stream, since GRUB 2.00
STARTS = range(SECTOR + 0x400, SECTOR + 0x1800, 16)
MOST_MENDED = 200 * SECTOR  # in one go: MAX_BLOCK_SIZE
MAX_UNPACKED = 4 << 20
MAGIC = b"mimg"
CONFIG, PREFIX = 2, 3  # types of modules
MAX_MODULES = 500


@dataclass(frozen=True, slots=True)
class Built:
    """What was built into an image: ``prefix`` is a device in parentheses and a folder, ``config`` commands."""

    prefix: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Core:
    """A core image on a disk. ``stretches`` are sectors and their numbers, the first one included.

    ``problem`` is what is wrong with its bytes, ``built`` None where they cannot be unpacked.
    """

    stretches: tuple[tuple[int, int], ...]
    content: bytes
    problem: str = ""
    built: Built | None = None


def read_core(disk: DeviceBytes, sector: int) -> Core:
    """Read the core image that a boot sector says begins at ``sector``."""
    if sector <= 0 or (sector + 1) * SECTOR > disk.size:
        return Core((), b"", f"it would begin at sector {sector}, which the disk does not have")
    first = disk.read_at(sector * SECTOR, SECTOR)
    if not first.strip(b"\0"):
        return Core(((sector, 1),), first, "its first sector is empty")
    stretches = tuple(_block_list(first))
    total = sum(count for _start, count in stretches)
    if not stretches or total > MAX_SECTORS:
        return Core(((sector, 1),), first, "its first sector does not say where the others are")
    if any(not start or (start + count) * SECTOR > disk.size for start, count in stretches):
        return Core(
            ((sector, 1), *stretches), first, "its first sector names sectors that the disk does not have"
        )
    content = first + b"".join(disk.read_at(start * SECTOR, count * SECTOR) for start, count in stretches)
    problem, built = unpack_core(content)
    return Core(((sector, 1), *stretches), content, problem, built)


def _block_list(first: bytes) -> Iterator[tuple[int, int]]:
    for place in range(FIRST_LIST, LAST_LIST, -12):
        start, count, _segment = struct.unpack_from("<QHH", first, place)
        if not count:
            return
        yield start, count


def unpack_core(content: bytes) -> tuple[str, Built | None]:
    """Unpack a core image, with its first sector; return what is wrong with it, and what it has built in."""
    if len(content) < LENGTHS + 8 or not content[SECTOR : 2 * SECTOR].strip(b"\0"):
        return "its second sector is empty", None
    packed, size = struct.unpack_from("<II", content, LENGTHS)
    if not 0 < packed < len(content) or not 0 < size <= MAX_UNPACKED:
        return "the lengths in its head are impossible", None
    for start in (USUAL_START, *STARTS):
        stream = content[start : start + packed]
        may_be = len(stream) == packed and stream[0] == 0 and stream[1:5].strip(b"\0")  # as all of LZMA begin
        if may_be and (kernel := _unlzma(stream, size)):
            return "", built_in(kernel)
    return "it does not unpack", None


def _unlzma(packed: bytes, size: int) -> bytes | None:
    """Unpack a raw stream; None unless all of it comes out and it is a kernel of GRUB's."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    try:
        kernel = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(packed, size)
    except (lzma.LZMAError, EOFError):
        return None
    return kernel if len(kernel) == size and MAGIC in kernel else None


def built_in(image: bytes) -> Built:
    """Read the modules that an image has built in, for their prefix and configuration; none in what has none."""
    found: dict[int, str] = {}
    at = image.find(MAGIC)
    while at >= 0 and not found:
        for wide in (False, True):
            found = found or dict(_texts(image, at, wide))
        at = image.find(MAGIC, at + 4)
    return Built(found.get(PREFIX, ""), found.get(CONFIG, ""))


def _texts(image: bytes, at: int, wide: bool) -> Iterator[tuple[int, str]]:
    """Yield the modules that are text; ``wide``: the header is that of a 64-bit processor."""
    head = struct.Struct("<4x4xQQ" if wide else "<4xII")
    if at + head.size > len(image):
        return
    offset, size = head.unpack_from(image, at)
    place, end = at + offset, min(at + size, len(image))
    for _number in range(MAX_MODULES):
        if place + 8 > end or offset < head.size:
            return
        kind, length = struct.unpack_from("<II", image, place)
        if length < 8 or place + length > end:
            return
        if kind in (CONFIG, PREFIX):
            text = image[place + 8 : place + length].partition(b"\0")[0]
            yield kind, text.decode("utf-8", "replace")
        place += length


def differences(core: bytes, original: bytes) -> int:
    """Count the bytes in which an installed core image differs from the file that it was made of.

    What grub-install fills in when it installs one, the list of sectors and the length of what mends it, is left out.
    """
    own = {*range(LAST_LIST, SECTOR), *range(REDUNDANCY, REDUNDANCY + 16)}
    length = min(len(core), len(original))
    if core[SECTOR + 0x20 : length] == original[SECTOR + 0x20 : length]:
        places: range | tuple[int, ...] = range(min(length, SECTOR + 0x20))
    else:
        places = range(length)
    missing = max(0, len(original) - len(core))
    return missing + sum(core[at] != original[at] for at in places if at not in own)


def mends_itself(core: bytes, original: bytes) -> bool:
    """Whether GRUB mends the bytes in which an installed core image differs from the file that it was made of.

    grub-install adds a Reed-Solomon code (grub-core/lib/reed_solomon.c): of the bytes at one place of all sectors,
    as many may be wrong as half of those that were added for it. How much of the code itself is wrong is not known
    here, so half of that is trusted, and nothing if the damage reaches the end, and may go on into it.
    """
    if len(original) < UNPROTECTED + 2 or len(core) <= len(original):
        return False
    added = int.from_bytes(core[REDUNDANCY : REDUNDANCY + 4], "little")
    start: int = SECTOR + struct.unpack_from("<H", original, UNPROTECTED)[0]
    wrong = [at for at in range(SECTOR, len(original)) if core[at] != original[at]]
    wrong = [at for at in wrong if not REDUNDANCY <= at < REDUNDANCY + 4]
    if added > len(core) - len(original) or any(at < start or at >= len(original) - SECTOR for at in wrong):
        return False
    blocks = -(-(len(original) - start + added) // MOST_MENDED)  # each with its share of the code
    columns = Counter((at - start) % SECTOR for at in wrong)
    return max(columns.values(), default=0) <= added // blocks // SECTOR // 4
