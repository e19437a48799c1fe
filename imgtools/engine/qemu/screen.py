"""A machine's screen: the picture that QEMU dumps, the text on it, and a PNG of it.

Consoles on a screen are drawn with a font of fixed size. Which glyph is which letter is known from the font of the
VGA BIOS that QEMU itself brings; Linux' own 8x16 font has the same shapes for all but a few letters.
"""

from __future__ import annotations

import functools
import itertools
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from imgtools.errors import EngineFailed

LARGEST = 64 << 20  # bytes of a dump: 4096 x 4096 has 48 MiB
HEIGHT = 16  # of a letter, in pixels
# What QEMU's packages bring, in the folders of distributions.
BIOS_NAMES = ("vgabios-stdvga.bin", "vgabios.bin", "vgabios-cirrus.bin")
BIOS_FOLDERS = (
    "/usr/share/seabios",
    "/usr/share/qemu",
    "/usr/share/seavgabios",
    "/usr/share/qemu-kvm",
    "/usr/share/vgabios",
)
LETTER_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
LETTER_B = bytes.fromhex("0000fc6666667c66666666fc00000000")
UNKNOWN = "\ufffd"
HEAD = re.compile(rb"P6\s(\d{1,5})\s(\d{1,5})\s255\s")
STOP_COLOURS = frozenset(
    map(bytes.fromhex, ("0078d7", "1170aa", "0078d4", "00008b", "000082", "000080", "0000a8"))
)
SAMPLE = 97  # one pixel of so many; a prime is no stripe
MOST_SHAPES = 5000
NEAR = 4  # of a letter's 128 pixels that may differ, as where a cursor crosses it
# What Linux' font (lib/fonts/font_8x16.c) draws for 8 pixels, and the BIOS for the 9 of the text mode. Lines 2 to 11.
NARROW = {
    "0": "386cc6c6d6d6c6c66c38", "M": "c6eefefed6c6c6c6c6c6", "T": "7e7e5a1818181818183c", "V": "c6c6c6c6c6c6c66c3810",
    "W": "c6c6c6c6d6d6d6feee6c", "X": "c6c66c7c38387c6cc6c6", "Y": "666666663c181818183c", "Z": "fec6860c183060c2c6fe",
    "f": "1c363230783030303078", "m": "000000ecfed6d6d6d6c6", "v": "000000c6c6c6c6c66c38", "w": "000000c6c6d6d6d6fe6c",
    "x": "000000c66c3838386cc6",
}  # fmt: skip
TEXT_MODE = (720, 400)  # 80 x 25 letters, each 9 pixels wide


@dataclass(frozen=True, slots=True)
class Picture:
    """A screen: red, green and blue of each pixel, a byte each, line by line."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class ScreenText:
    """What a screen shows as text: its lines, without blanks at their ends. ``is_text``: it could be read."""

    text: str = ""
    is_text: bool = False


def parse_ppm(data: bytes) -> Picture:
    """Return the picture of a dump: a PPM file of type P6 with 8 bits a colour (netpbm's ppm(5)).

    :raises EngineFailed: it is something else.
    """
    head = HEAD.match(data)
    width, height = (int(head[1]), int(head[2])) if head else (0, 0)
    size = width * height * 3
    if head is None or not 0 < size <= LARGEST or len(data) < head.end() + size:
        raise EngineFailed("QEMU's picture of the screen is no picture")
    start = head.end()
    return Picture(width, height, data[start : start + size])


def as_png(picture: Picture) -> bytes:
    """Return a picture as a PNG file (PNG specification, 3rd edition): 8 bits a colour, no filter."""
    row = 3 * picture.width
    lines = (b"\0" + picture.pixels[at : at + row] for at in range(0, len(picture.pixels), row))
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(lines))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def read_text(picture: Picture, font: dict[bytes, str]) -> ScreenText:
    """Return the text on a screen; ``is_text`` is false where most of it is something else."""
    wide = 9 if (picture.width, picture.height) == TEXT_MODE else 8
    marks = _brightest(picture)
    lines, known, strange = [], 0, 0
    for top in range(0, picture.height - HEIGHT + 1, HEIGHT):
        line = _read_line(marks, picture.width, top, wide, font)
        strange += line.count(UNKNOWN)
        known += len(line) - line.count(UNKNOWN) - line.count(" ")
        lines.append(line.rstrip(f" {UNKNOWN}"))
    # A cursor or a logo is not text; with nothing at all nothing can be said.
    is_text = known > 0 and known >= 3 * strange
    return ScreenText("\n".join(lines).rstrip("\n") + "\n" if is_text else "", is_text)


def is_plain(picture: Picture) -> bool:
    """Whether a screen shows one colour only, as one that is black."""
    return picture.pixels == picture.pixels[:3] * (picture.width * picture.height)


def stop_colour(picture: Picture) -> bool:
    """Whether most of a screen has a colour of Windows' stop screens.

    Those of Windows 8 to 11, and the dark blue of those before.
    """
    pixels = picture.pixels
    sample = [pixels[at : at + 3] for at in range(0, len(pixels) - 2, 3 * SAMPLE)]
    return 2 * sum(pixel in STOP_COLOURS for pixel in sample) > len(sample)


def _brightest(picture: Picture) -> bytes:
    """One byte for each pixel: its colours taken together."""
    parts = (int.from_bytes(picture.pixels[colour::3], "little") for colour in range(3))
    return functools.reduce(int.__or__, parts).to_bytes(picture.width * picture.height, "little")


def _read_line(marks: bytes, width: int, top: int, wide: int, font: dict[bytes, str]) -> str:
    rows = [marks[at : at + width] for at in range(top * width, (top + HEIGHT) * width, width)]
    paper = max(set(rows[0]), key=rows[0].count)
    if all(row.count(paper) == width for row in rows):
        return ""
    table = bytes(0 if value == paper else 1 for value in range(256))
    drawn = [row.translate(table) for row in rows]
    letters = []
    for left in range(0, width - 7, wide):
        glyph = bytes(_BITS[row[left : left + 8]] for row in drawn)
        letters.append(font.get(glyph) or _nearest(glyph, font))
    return "".join(letters)


def _nearest(glyph: bytes, font: dict[bytes, str]) -> str:
    """Return the letter that a glyph is but for a few pixels, and note it in the font."""
    drawn = int.from_bytes(glyph, "big")
    found, least = UNKNOWN, NEAR + 1
    for shape, letter in font.items() if len(font) < MOST_SHAPES else ():
        distance = (int.from_bytes(shape, "big") ^ drawn).bit_count()
        if letter.isascii() and letter.isprintable() and distance < least:
            found, least = letter, distance
    if len(font) < MOST_SHAPES:
        font[glyph] = found
    return found


_BITS = {bytes(bits): int("".join(map(str, bits)), 2) for bits in itertools.product((0, 1), repeat=8)}


# -- the font ----------------------------------------------------------------------------------------------


def vga_font() -> dict[bytes, str]:
    """Return the letters of the VGA BIOS by their 16 lines of 8 pixels, also in reverse; empty: there is none."""
    for folder in BIOS_FOLDERS:
        for name in BIOS_NAMES:
            path = Path(folder, name)
            if path.is_file():
                found = font_in(path.read_bytes()[: 1 << 20])
                if found:
                    return found
    return {}


def font_in(bios: bytes) -> dict[bytes, str]:
    """Return the font in a VGA BIOS: 256 letters of code page 437, 16 bytes each."""
    at = bios.find(LETTER_A + LETTER_B)
    start = at - ord("A") * HEIGHT
    if at < 0 or start < 0 or len(bios) < start + 256 * HEIGHT:
        return {}
    glyphs = (bios[start + code * HEIGHT : start + (code + 1) * HEIGHT] for code in range(256))
    font: dict[bytes, str] = {}
    for code, glyph in enumerate(glyphs):
        letter = bytes([code]).decode("cp437") if code >= 32 else UNKNOWN
        for shape in (glyph, bytes(255 - row for row in glyph)):
            font.setdefault(shape, letter)
    for letter, lines in NARROW.items():
        glyph = bytes(2) + bytes.fromhex(lines) + bytes(4)
        for shape in (glyph, bytes(255 - row for row in glyph)):
            font.setdefault(shape, letter)
    font[bytes(HEIGHT)] = font[bytes([255]) * HEIGHT] = " "
    return font
