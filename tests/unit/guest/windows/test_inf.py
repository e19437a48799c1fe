"""The text of INF files: sections, entries, quotes, continued lines, strings, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgtools.errors import HostError
from imgtools.guest.windows.inf import LARGEST, LONGEST, MOST_ENTRIES, read_inf


def values(line: str, strings: str = "") -> tuple[str, tuple[str, ...]]:
    """The key and the values of one line."""
    inf = read_inf(f"[A]\n{line}\n[Strings]\n{strings}\n".encode(), "a.inf")
    (entry,) = inf.entries("a")
    return entry.key, entry.values


@pytest.mark.parametrize(
    ("line", "key", "wanted"),
    [
        ("AddService = viostor, 0x00000002 , Inst", "AddService", ("viostor", "0x00000002", "Inst")),
        ("viostor.sys,,,2", "", ("viostor.sys", "", "", "2")),
        ("alone", "", ("alone",)),
        ("key =", "key", ("",)),
        ("key=a;b", "key", ("a",)),
        ('key = "a;b=c, d" ; said', "key", ("a;b=c, d",)),
        ('key = "  two  " , x', "key", ("  two  ", "x")),
        ('key = "say ""hi"""', "key", ('say "hi"',)),
        ('key = "never closed, x', "key", ("never closed, x",)),
        ('"a=b" = c', "a=b", ("c",)),
        ("key = a=b", "key", ("a=b",)),
        ('HKR,,Name,0x10000,"one","two"', "", ("HKR", "", "Name", "0x10000", "one", "two")),
        ('1 = %Disk%,,,""', "1", ("%Disk%", "", "", "")),
        ("key = a, \\ ; goes on\n   b", "key", ("a", "b")),
        ('key = "C:\\"', "key", ("C:\\",)),
    ],
)
def test_a_line_is_split_as_windows_splits_it(line: str, key: str, wanted: tuple[str, ...]) -> None:
    assert values(line) == (key, wanted)


def test_strings_are_put_in_once_and_in_any_letter_case() -> None:
    strings = 'VENDOR = "Red Hat, Inc."\nloop = %loop%\nReg = 0x00010001'
    assert values("%Vendor% = a, %REG%, %12%\\x.sys, %none%", strings) == (
        "Red Hat, Inc.",
        ("a", "0x00010001", "%12%\\x.sys", "%none%"),
    )
    assert values('x = "%%SystemRoot%%\\System32", %loop%', strings)[1] == (
        "%SystemRoot%\\System32",
        "%loop%",
    )


def test_sections_of_one_name_are_one_and_keys_have_no_letter_case() -> None:
    inf = read_inf(b"[Version]\r\nClass=Net\r\n\r\n[ VERSION ]\r\nclassguid = {1}\r\nCLASS=Other\n", "a.inf")
    assert inf.text("version", "CLASS") == "Net"
    assert inf.text("Version", "ClassGuid.NTamd64", "ClassGuid") == "{1}"
    assert [entry.line for entry in inf.entries("Version")] == [2, 5, 6]
    assert inf.has("Version") and not inf.has("Versio")
    assert inf.text("Nowhere", "Class") == ""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8", "latin-1"])
def test_the_encodings_that_windows_takes(encoding: str) -> None:
    inf = read_inf("[Strings]\r\nKöln = Größe\r\n".encode(encoding), "a.inf")
    assert inf.text("Strings", "köln") == "Größe"


def test_big_endian_with_its_mark() -> None:
    assert read_inf(b"\xfe\xff" + "[A]\nb=c".encode("utf-16-be"), "a.inf").text("A", "b") == "c"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = b\n[A]\n", "a.inf, line 1: text before the first section"),
        (b"; c\n\n[A\nb=c\n", "a.inf, line 3: not the name of a section"),
        (b"[A] b\n", "a.inf, line 1: not the name of a section"),
        (b"[]\n", "a.inf, line 1: not the name of a section"),
        (b"[A]\nb\n\0c", "a.inf, line 3: a zero byte"),
        ("[A]\nb=c".encode("utf-16-le"), "a.inf, line 1: a zero byte"),
        (b"\xff\xfe[\0A\0]\0\n\0\0", "a.inf, line 2: not UTF-16-LE"),
        (b"[A]\nb=" + b"x" * (LONGEST + 1), f"a.inf, line 2: a value of {LONGEST + 1} characters"),
        (b"[A]\nb=%s%%s%%s%\n[Strings]\ns=" + b"x" * 4000, "a.inf, line 2: a value of 12000 characters"),
        (b" " * (LARGEST + 1), f"a.inf: an INF file of {LARGEST + 1} bytes"),
        (b"[A]\n" + b"a\n" * (MOST_ENTRIES + 1), f"more than {MOST_ENTRIES} entries"),
    ],
)
def test_damage_is_named_with_file_and_line(content: bytes, said: str) -> None:
    with pytest.raises(HostError) as caught:
        read_inf(content, "a.inf")
    assert said in caught.value.message and "\n" not in caught.value.message


def test_one_string_that_stands_everywhere_does_not_fill_the_memory() -> None:
    """A million times 4,000 letters would be 4 GB."""
    content = b"[A]\n" + b"%s%," * 900_000 + b"\n[Strings]\ns=" + b"x" * 4000
    with pytest.raises(HostError, match="with its strings put in"):
        read_inf(content, "a.inf")


TEXT = st.text(st.sampled_from('[]"%;=,\\ \n\r\tAs1'), max_size=200)


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_any_text_is_an_answer_or_an_error_with_the_line(text: str) -> None:
    try:
        inf = read_inf(f"[A]\n{text}".encode(), "a.inf")
    except HostError as error:
        assert error.message.startswith("a.inf, line ")
        return
    for entry in inf.entries("A"):
        assert 1 < entry.line <= text.count("\n") + text.count("\r") + 2
        assert all(len(value) <= LONGEST for value in entry.values)
