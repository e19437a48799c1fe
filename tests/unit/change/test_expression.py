"""Scripted edits: the language of s/old/new/flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.change.expression import apply_expressions, parse_expression
from imgtools.errors import UsageError


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ("s/^root:.*?:/root::/", "root:x:0\nbob:x:1\n", "root::0\nbob:x:1\n"),
        ("s/a/b/", "aa\naa\n", "ba\nba\n"),
        ("s/a/b/g", "aa\naa", "bb\nbb"),
        ("s/a/b/2", "aaa", "bba"),
        ("s/A/b/i", "aa", "ba"),
        ("s|/bin/sh|/bin/bash|", "x /bin/sh\r\n", "x /bin/bash\r\n"),
        (r"s/\/bin\/sh/x/", "/bin/sh", "x"),
        (r"s/(\w+) (\w+)/\2 \1/", "one two", "two one"),
        (r"s/a\tb/x/", "a\tb", "x"),
        ("s/a$/z/", "a\nba\n", "z\nbz\n"),
        ("s/a\\nb/x/w", "a\nb\n", "x\n"),
        ("s/^b/x/gw", "b\nb\n", "x\nx\n"),
        ("s/a//", "abc", "bc"),
    ],
)
def test_it_means_what_sed_and_virt_edit_mean(expression: str, before: str, after: str) -> None:
    assert apply_expressions(before.encode(), [expression]).decode() == after


def test_bytes_that_are_not_utf8_stay_as_they_are() -> None:
    assert apply_expressions(b"caf\xe9 a\n", ["s/a$/b/"]) == b"caf\xe9 b\n"


def test_expressions_come_one_after_the_other() -> None:
    assert apply_expressions(b"a", ["s/a/b/", "s/b/c/"]) == b"c"


@pytest.mark.parametrize(
    "text", ["", "s", "s/a/b", "s/a", "y/a/b/", "s/(/x/", "s/a/b/q", r"s/a/\1/", "sxaxbx", "s/a/b/c/"]
)
def test_what_is_no_expression_says_so(text: str) -> None:
    with pytest.raises(UsageError):
        parse_expression(text)


@given(st.text(max_size=30))
def test_no_text_crashes_the_parser(text: str) -> None:
    try:
        parse_expression("s" + text)
    except UsageError:
        pass
