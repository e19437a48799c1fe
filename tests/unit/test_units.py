"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgtools.errors import UsageError
from imgtools.units import format_size, parse_change, parse_count, parse_mode, parse_size, parse_time


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512", 512), ("10K", 10240), ("1.5G", 1610612736), ("2TiB", 2 << 40), ("1 MB", 1 << 20)],
)
def test_a_size_means_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1.5", "ten", "1Z", "1G2", "1..5G"])
def test_what_is_not_a_size_says_so(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.0K"),
        (1025, "1.1K"),
        (10 * 1024, "10K"),
        (1 << 30, "1.0G"),
        (-2048, "-2.0K"),
    ],
)
def test_sizes_round_up_as_ls_does(size: int, text: str) -> None:
    assert format_size(size) == text


@given(st.integers(min_value=0, max_value=1 << 62))
def test_a_written_size_is_never_smaller_than_the_size(size: int) -> None:
    assert parse_size(format_size(size)) >= size


def test_modes_and_times_parse_or_say_so() -> None:
    assert parse_mode("0644") == 0o644
    assert parse_time("2024-01-31T12:00:00Z") == parse_time("2024-01-31 13:00+01:00") == 1706702400 * 10**9
    assert parse_time("1970-01-01") == 0
    for text in ("", "8", "12345", "u+x"):
        with pytest.raises(UsageError):
            parse_mode(text)
    with pytest.raises(UsageError):
        parse_time("yesterday")


def test_a_change_is_of_what_there_is() -> None:
    assert parse_change("+1K", 10) == 1034
    assert parse_change("-1K", 4096) == 3072
    assert parse_change("2K", 10) == 2048
    for text in ("-10", "-1K", "+", "--1", "+-1"):
        with pytest.raises(UsageError):
            parse_change(text, 10)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0), ("007", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5000, None), ("", None), ("-1", None),
        (" 1", None), ("1_0", None), ("\u00b2", None), ("\u0663", None),
    ],
)  # fmt: skip
def test_a_guests_digits_are_a_number_or_none(text: str, count: int | None) -> None:
    """int() refuses more than 4,300 digits, and some of what isdigit() allows."""
    assert parse_count(text) == count


def test_a_size_may_be_hexadecimal_as_for_qemu() -> None:
    assert (parse_size("0x10000"), parse_size("0X1e"), parse_size("0x0")) == (65536, 30, 0)
    for text in ("0x", "0x1K", "x10", "0x10000000000000000", "0x8000000000000000"):
        with pytest.raises(UsageError):
            parse_size(text)
