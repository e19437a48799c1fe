"""What a line of a session is taken for, and how a word has to be typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.cli.session.line import Line, parse, quoted
from imgtools.errors import UsageError


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", Line()),
        ("  # only a remark", Line()),
        ("ls -l /etc  # a remark", Line(("ls", "-l", "/etc"))),
        ("cat /a#b", Line(("cat", "/a#b"))),
        ("-rm /a", Line(("rm", "/a"), goes_on=True)),
        ("- rm /a", Line(("rm", "/a"), goes_on=True)),
        ("!ls; true", Line(host="ls; true")),
        ("-!false", Line(goes_on=True, host="false")),
        ("cat /a | grep 'b c' | wc > d", Line(("cat", "/a"), pipe="grep 'b c' | wc > d")),
        ("cat /a | !grep b", Line(("cat", "/a"), pipe="grep b")),
        ("cat '/a | b'", Line(("cat", "/a | b"))),
        ("ls > out", Line(("ls",), output="out")),
        ("ls >out", Line(("ls",), output="out")),
        ("ls >> 'my file'", Line(("ls",), output="my file", appends=True)),
        ("write /a < b", Line(("write", "/a"), input="b")),
        (r"cat C:\Windows\win.ini", Line(("cat", r"C:\Windows\win.ini"))),
        (r"cat /a\ b \"c\"", Line(("cat", "/a b", '"c"'))),
        (r'cat "a \"b\" \n"', Line(("cat", r'a "b" \n'))),
        (r"cat 'a\b' ''", Line(("cat", r"a\b", ""))),
        (r"cat $'\x1b[1m\t\u202e\377\xc3\xa9\''", Line(("cat", "\x1b[1m\t\u202e\udcffé'"))),
        ("echo $HOME *", Line(("echo", "$HOME", "*"))),
    ],
)
def test_a_line_is_taken_apart(text: str, line: Line) -> None:
    assert parse(text) == line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cat 'a", "a quote is not closed: 'a"),
        ('cat "a', "a quote is not closed"),
        ("cat $'a", "a quote is not closed"),
        ("ls |", "no command of the host behind the |"),
        ("ls >", "no file of the host behind the >"),
        ("ls > | cat", "no file of the host behind the >"),
        ("| cat", "no command in front of the |"),
        ("> file", "no command in front of the |"),
        ("!", "no command of the host behind the !"),
        ("rm /a; rm /b", "; is not understood"),
        ("rm /a && rm /b", "& is not understood"),
        ("rm `x`", "` is not understood"),
        ("rm $(x)", r"\$\( is not understood"),
    ],
)
def test_what_is_no_line_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(text)


@given(st.text(st.characters(exclude_categories=("Cs",))) | st.binary())
def test_a_quoted_word_is_harmless_and_means_itself(name: str | bytes) -> None:
    word = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    typed = quoted(word)
    assert typed.isprintable()
    assert parse(f"cat {typed}") == Line(("cat", word))
