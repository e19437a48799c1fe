"""What is on a screen: text is read by its font, a picture is told from it, and a PNG shows the same."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.engine.qemu.screen import (
    LETTER_A,
    LETTER_B,
    NARROW,
    Picture,
    as_png,
    font_in,
    is_plain,
    parse_ppm,
    read_text,
    stop_colour,
)
from imgtools.errors import EngineFailed

BLACK, GREY, BLUE = b"\0\0\0", b"\xaa\xaa\xaa", b"\0\x78\xd7"


def _bios() -> bytes:
    """A BIOS whose letters all differ; A and B are those of every VGA."""
    shapes = [
        struct.pack(">8H", *((code * 977 + row * code * 31) & 0xFFFF for row in range(8)))
        for code in range(256)
    ]
    shapes[ord(" ")] = bytes(16)
    shapes[ord("A")], shapes[ord("B")] = LETTER_A, LETTER_B
    return b"U\xaa" + bytes(100) + b"".join(shapes) + bytes(50)


BIOS = _bios()
FONT = font_in(BIOS)


def draw(
    lines: list[str],
    wide: int = 8,
    columns: int = 80,
    rows: int = 25,
    *,
    ink: bytes = GREY,
    paper: bytes = BLACK,
) -> Picture:
    """A screen with text."""
    width = columns * wide
    pixels = [[paper] * width for _ in range(rows * 16)]
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            glyph = BIOS[102 + ord(letter) * 16 : 102 + ord(letter) * 16 + 16]
            for y, bits in enumerate(glyph):
                for x in range(8):
                    if bits >> (7 - x) & 1:
                        pixels[row * 16 + y][column * wide + x] = ink
    return Picture(width, rows * 16, b"".join(b"".join(line) for line in pixels))


def test_text_is_read() -> None:
    lines = ["Debian GNU/Linux 12 web tty1", "", "web login: "]
    for wide in (8, 9):
        found = read_text(draw(lines, wide), FONT)
        assert found.is_text
        assert found.text == "Debian GNU/Linux 12 web tty1\n\nweb login:\n"


def test_a_highlighted_line_is_read() -> None:
    menu, other = draw(["AB grub AB"], ink=BLACK, paper=GREY, rows=1), draw(["Press enter"], rows=1)
    found = read_text(Picture(640, 32, menu.pixels + other.pixels), FONT)
    assert found.text == "AB grub AB\nPress enter\n"


def test_a_letter_of_another_font_is_the_one_that_looks_like_it() -> None:
    picture = draw(["AB AB AB"], rows=1)
    changed = bytearray(picture.pixels)
    at = 3 * (640 * 15 + 3)  # the last line of the first A
    changed[at : at + 3] = GREY
    assert read_text(Picture(640, 16, bytes(changed)), dict(FONT)).text == "AB AB AB\n"


def test_a_cursor_behind_a_prompt_is_no_letter() -> None:
    picture = draw(["web login: "], rows=1)
    changed = bytearray(picture.pixels)
    for line in (12, 14):
        at = 3 * (640 * line + 8 * 11)
        changed[at : at + 24] = GREY * 8
    assert read_text(Picture(640, 16, bytes(changed)), dict(FONT)).text == "web login:\n"


def test_a_picture_is_no_text() -> None:
    noise = bytes((x * 7 + y * 13 + x * y) % 251 for y in range(64) for x in range(640 * 3))
    assert not read_text(Picture(640, 64, noise), dict(FONT)).is_text
    assert not read_text(Picture(640, 64, BLACK * 640 * 64), dict(FONT)).is_text


def test_plain_and_blue_screens() -> None:
    assert is_plain(Picture(64, 16, BLACK * 1024))
    assert not is_plain(draw(["A"], columns=8, rows=1))
    assert stop_colour(Picture(640, 480, BLUE * 640 * 480))
    assert not stop_colour(Picture(640, 480, BLACK * 640 * 480))


def test_a_dump_is_parsed() -> None:
    assert parse_ppm(b"P6\n2 1\n255\n" + BLUE + b" \n\t") == Picture(2, 1, BLUE + b" \n\t")


@pytest.mark.parametrize(
    "data", [b"", b"P6\n2 1\n255\nabc", b"P5\n1 1\n255\nabc", b"P6\n0 1\n255\n", b"P6\n99999 99999\n255\n"]
)
def test_what_is_no_dump(data: bytes) -> None:
    with pytest.raises(EngineFailed):
        parse_ppm(data)


@given(st.binary(max_size=60))
def test_any_dump_is_a_picture_or_an_error(data: bytes) -> None:
    try:
        picture = parse_ppm(b"P6\n" + data)
    except EngineFailed:
        return
    assert len(picture.pixels) == 3 * picture.width * picture.height


def test_a_png_shows_the_same() -> None:
    png = as_png(Picture(2, 2, bytes(range(12))))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png[16:33] == struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0) + png[29:33]
    (size,) = struct.unpack_from(">I", png, 33)
    assert png[37:41] == b"IDAT"
    assert zlib.decompress(png[41 : 41 + size]) == b"\0\0\1\2\3\4\5" + b"\0\6\7\x08\x09\x0a\x0b"


@pytest.mark.parametrize("letter", NARROW)
def test_linux_draws_some_letters_otherwise(letter: str) -> None:
    """Its own font is for 8 pixels, where the BIOS has shapes for the 9 of the text mode."""
    glyph = bytes(2) + bytes.fromhex(NARROW[letter]) + bytes(4)
    assert FONT[glyph] == FONT[bytes(255 - row for row in glyph)] == letter


def test_a_bios_without_a_font() -> None:
    assert font_in(b"U\xaa" + bytes(5000)) == {}
    assert font_in(LETTER_A + LETTER_B) == {}
