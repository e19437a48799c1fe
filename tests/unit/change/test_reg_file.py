"""What a .reg file says, and what is said of one that does not parse."""

from __future__ import annotations

import codecs

import pytest

from imgtools.change.reg_file import RegOrder, read_reg
from imgtools.engine.regvalue import RegistryValue
from imgtools.errors import UsageError

HEADER = "Windows Registry Editor Version 5.00\r\n\r\n"


def read(text: str | bytes) -> list[RegOrder]:
    content = text if isinstance(text, bytes) else text.encode()
    return list(read_reg(content, "a.reg"))


def one_value(text: str) -> tuple[str, int, bytes]:
    """The value of a file that sets one in the key K."""
    key, order = read(f"{HEADER}[K]\r\n{text}\r\n")
    assert key == RegOrder("K", line=3) and order.value is not None and not order.remove
    return order.value.name, order.value.type, order.value.data


@pytest.mark.parametrize(
    ("text", "name", "type_", "data"),
    [
        ('"n"="text"', "n", 1, "text\0".encode("utf-16-le")),
        ('@="default"', "", 1, "default\0".encode("utf-16-le")),
        ('  "n" = "text"  ; remark', "n", 1, "text\0".encode("utf-16-le")),
        (r'"a\\b\"c"="C:\\x \"y\" \n"', 'a\\b"c', 1, 'C:\\x "y" \\n\0'.encode("utf-16-le")),
        ('"a=b;c]"="[;="', "a=b;c]", 1, "[;=\0".encode("utf-16-le")),
        ('"n"="two\r\nlines"', "n", 1, "two\r\nlines\0".encode("utf-16-le")),
        ('"n"=""', "n", 1, b"\0\0"),
        ('"n"=str:"text"', "n", 1, "text\0".encode("utf-16-le")),
        ('"n"=str(2):"%x%"', "n", 2, "%x%\0".encode("utf-16-le")),
        ('"n"=dword:1', "n", 4, b"\1\0\0\0"),
        ('"n"=dword:0000000F;x', "n", 4, b"\x0f\0\0\0"),
        ('"n"=DWORD:ffffffff', "n", 4, b"\xff" * 4),
        ('"n"=hex:', "n", 3, b""),
        ('"n"=hex:0,ff,A', "n", 3, b"\0\xff\x0a"),
        ('"n"=hex(b):01,00,00,00,00,00,00,00', "n", 11, b"\1" + bytes(7)),
        ('"n"=hex(1f4):01', "n", 500, b"\1"),
        ('"n"=hex(2):61,00,\\\r\n  00,00', "n", 2, b"a\0\0\0"),
        ('"n"=hex:01,\\\r\n; between\r\n\r\n  02,\\ \r\n 03 ; end', "n", 3, b"\1\2\3"),
        ('"n"=hex:01\\\r\n,02', "n", 3, b"\1\2"),
    ],
)
def test_values(text: str, name: str, type_: int, data: bytes) -> None:
    assert one_value(text) == (name, type_, data)


def test_keys_values_and_removals_in_their_order() -> None:
    orders = read('[-A\\B]\n[A\\B\\]\n"x"=-\n@=-\n;\n\n[A [c]] ; remark\n"y"=dword:2')
    assert [(one.key, one.remove, one.value and one.value.name, one.line) for one in orders] == [
        ("A\\B", True, None, 1),
        ("A\\B", False, None, 2),
        ("A\\B", True, "x", 3),
        ("A\\B", True, "", 4),
        ("A [c]", False, None, 7),
        ("A [c]", False, "y", 8),
    ]


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + '[K]\r\n"ä"="€"').encode(),
        codecs.BOM_UTF8 + (HEADER + '[K]\r\n"ä"="€"').encode(),
        codecs.BOM_UTF16_LE + (HEADER + '[K]\r\n"ä"="€"').encode("utf-16-le"),
        codecs.BOM_UTF16_BE + (HEADER + '[K]\r\n"ä"="€"').encode("utf-16-be"),
        (HEADER + '[K]\r\n"ä"="€"').encode("utf-16-le"),
        (HEADER + '[K]\r\n"ä"="€"').encode("utf-16-be"),
        'REGEDIT4\r\n[K]\r\n"ä"="€"'.encode("cp1252"),
        '\n\r[K]\r"ä"="€"'.encode(),
    ],
)
def test_every_encoding_and_line_end(content: bytes) -> None:
    *_, order = read(content)
    assert order.value == RegistryValue("ä", 1, "€\0".encode("utf-16-le"))


def test_windows_95_writes_its_strings_in_a_code_page() -> None:
    *_, order = read(b'REGEDIT4\n[K]\n"n"=hex(7):e4,00,62,00,00\n')
    assert order.value == RegistryValue("n", 7, "ä\0b\0\0".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[K", "line 1, column 3: a key without its ]: [K"),
        ("[]", "line 1, column 2: a key without a name"),
        ("[-]", "line 1, column 2: a key without a name"),
        ("[K] x", "line 1, column 6: a key without its ]"),
        ('\n"n"="x"', "line 2, column 1: a value that is in no key"),
        ('[-K]\n"n"="x"', "line 2, column 1: a value that is in no key, or in one that is removed"),
        ('[K]\n  n="x"', 'line 2, column 3: neither a key, a comment, @ nor a name in "": n="x"'),
        ('[K]\n"n" "x"', 'line 2, column 4: no = behind the name of a value: "n" "x"'),
        ('[K]\n"n', 'line 2, column 1: a string without its "'),
        ('[K]\n"n"="x', 'line 2, column 5: a string without its "'),
        ('[K]\n"n"=', 'line 2, column 5: neither "text", dword:, hex: nor hex(n):'),
        ('[K]\n"n"=dword:123456789', "line 2, column 5: neither"),
        ('[K]\n"n"=dword:xyz', "line 2, column 5: neither"),
        ('[K]\n"n"=dword:1 2', "line 2, column 12: something behind the value"),
        ('[K]\n"n"="x"y', "line 2, column 8: something behind the value"),
        ('[K]\n"n"=-x', "line 2, column 6: something behind the value"),
        ('[K]\n"n"=hex:01,zz', "line 2, column 12: not a byte in hexadecimal"),
        ('[K]\n"n"=hex:01,\\\n  00,123', "line 3, column 6: not a byte in hexadecimal:"),
        ('[K]\n"n"=hex:01,\\', "line 2, column 13: bytes that go on behind the end of the file"),
        (b"\xff\xfa[K]", "line 1: neither UTF-16 nor UTF-8"),
        ("[K]\n".encode("utf-16") + b"x", "line 2: neither UTF-16 nor UTF-8"),
        (b"[K]\0\n", "line 1: neither UTF-16 nor UTF-8"),
    ],
)
def test_what_does_not_parse_is_named_with_its_place(text: str | bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.message.startswith(f"a.reg, {words}")
