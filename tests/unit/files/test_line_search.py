"""Which lines a pattern is found in, held against GNU grep."""

import io
import random
import subprocess
from pathlib import Path

import pytest

from imgtools.errors import OddGuest, UsageError
from imgtools.files.line_search import LONGEST_LINE, PIECE, LineHit, LinePattern, LineSearch, is_binary

PATTERNS = (
    LinePattern("ab"),
    LinePattern("ab", ignore_case=True),
    LinePattern("a.b"),
    LinePattern("^a"),
    LinePattern("b$"),
    LinePattern("^$"),
    LinePattern("a(?! )"),
    LinePattern("(?<=a)b"),
    LinePattern(r"\bab\b"),
    LinePattern(r"[^a]b"),
    LinePattern(r"a\sb"),
    LinePattern("a.b", fixed=True),
    LinePattern("ab", word=True),
    LinePattern("ab|b", whole_line=True),
    LinePattern("a", invert=True),
    LinePattern("ab", before=2),
    LinePattern("ab", after=3),
    LinePattern("ab", before=1, after=1),
    LinePattern("ab", most=3),
    LinePattern("ab", most=2, after=2),
    LinePattern("ba", before=4, invert=True, most=5),
)


def a_text(seed: int) -> bytes:
    chosen = random.Random(seed)
    lines = ("".join(chosen.choices("aabbB. x_", k=chosen.choice((0, 1, 2, 2, 3, 8)))) for _ in range(400))
    return "\n".join(lines).encode() + (b"\n" if seed % 2 else b"")


def by_grep(pattern: LinePattern, place: Path) -> list[str]:
    """The lines as GNU grep prints them: ``3:a match``, ``4-beside one``."""
    words = ["grep", "-n", "-F" if pattern.fixed else "-P"]
    flags = {"-i": pattern.ignore_case, "-w": pattern.word, "-x": pattern.whole_line, "-v": pattern.invert}
    words += [flag for flag, given in flags.items() if given]
    words += [f"-B{pattern.before}", f"-A{pattern.after}"]
    words += [f"-m{pattern.most}"] if pattern.most is not None else []
    ran = subprocess.run([*words, pattern.text, place], capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return [line for line in ran.stdout.splitlines() if line != "--"]


@pytest.mark.host
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_the_lines_are_those_of_grep(pattern: LinePattern, tmp_path: Path) -> None:
    for seed in range(4):
        place = tmp_path / "text"
        place.write_bytes(a_text(seed))
        hits = LineSearch(pattern).hits(io.BytesIO(place.read_bytes()))
        assert [f"{h.number}{':' if h.is_match else '-'}{h.text}" for h in hits] == by_grep(pattern, place)


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_pieces_end_anywhere(length: int) -> None:
    """A line that lies across pieces is found once, with its number, and so is what stands beside it."""
    text = b"x" * (length - 3) + b"\nneedle\nlast\n" + b"y\n" * PIECE + b"needle"
    hits = list(LineSearch(LinePattern("needle", before=1, after=1)).hits(io.BytesIO(text)))
    numbers = [(hit.number, hit.is_match) for hit in hits]
    assert numbers == [(1, False), (2, True), (3, False), (PIECE + 3, False), (PIECE + 4, True)]
    assert hits[3].text == "y"


def test_neighbours_before_come_from_earlier_pieces() -> None:
    text = b"".join(b"%d\n" % number for number in range(1, 50000)) + b"needle\n"
    hits = LineSearch(LinePattern("needle", before=3)).hits(io.BytesIO(text))
    assert [(hit.number, hit.text) for hit in hits] == [
        (49997, "49997"),
        (49998, "49998"),
        (49999, "49999"),
        (50000, "needle"),
    ]


def test_line_ends_of_windows_belong_to_no_line() -> None:
    hits = LineSearch(LinePattern("one$")).hits(io.BytesIO(b"one\r\ntwo one\r\nones\r\n"))
    assert list(hits) == [LineHit(1, "one"), LineHit(2, "two one")]


def test_bytes_that_are_no_text_are_kept() -> None:
    (hit,) = LineSearch(LinePattern("ä")).hits(io.BytesIO("ä ".encode() + b"\xff\n"))
    assert hit.text.encode("utf-8", "surrogateescape") == "ä ".encode() + b"\xff"


def test_a_line_is_bounded() -> None:
    search = LineSearch(LinePattern("z"))
    assert list(search.hits(io.BytesIO(b"x" * LONGEST_LINE + b"\nz\n"))) == [LineHit(2, "z")]
    with pytest.raises(OddGuest, match="16 MiB"):
        list(search.hits(io.BytesIO(b"x" * (LONGEST_LINE + PIECE))))


def test_binary_files_have_lines_that_nul_ends() -> None:
    assert is_binary(b"ELF\0") and not is_binary(b"text\n")
    search = LineSearch(LinePattern("^needle$"))
    assert search.is_in(io.BytesIO(b"\0" * (LONGEST_LINE * 2) + b"needle\0"))
    assert not search.is_in(io.BytesIO(b"\0needles\0"))


@pytest.mark.parametrize("text", ["(", "a{2,1}", "[", "(?P<n>a)(?P<n>b)"])
def test_no_regular_expression(text: str) -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        LineSearch(LinePattern(text))
    assert list(LineSearch(LinePattern(text, fixed=True)).hits(io.BytesIO(text.encode()))) == [
        LineHit(1, text)
    ]


def test_what_matches() -> None:
    assert list(LineSearch(LinePattern("[0-9]*")).matches("a1b22c")) == ["1", "22"]
