"""Registry keys as .reg text: what regedit would take back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fixtures.hives import empty
from imgtools.change.reg_text import WIDTH, reg_lines, value_lines
from imgtools.engine.hive import open_hive
from imgtools.engine.regvalue import RegistryValue
from imgtools.records.system import Warned
from tests.support.hives import Keys, make_hive, typed


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (RegistryValue("n", *typed("text")), '"n"="text"'),
        (RegistryValue("", *typed("default")), '@="default"'),
        (RegistryValue('a"b\\c', *typed('C:\\x "y"')), r'"a\"b\\c"="C:\\x \"y\""'),
        (RegistryValue("n", *typed("Köln €")), '"n"="Köln €"'),
        (RegistryValue("n", *typed(7)), '"n"=dword:00000007'),
        (RegistryValue("n", *typed(b"\0\xff")), '"n"=hex:00,ff'),
        (RegistryValue("n", *typed(["a", "b"])), '"n"=hex(7):61,00,00,00,62,00,00,00,00,00'),
        (RegistryValue("n", 2, b"%\0\0\0"), '"n"=hex(2):25,00,00,00'),
        (RegistryValue("n", 11, b"\1" + bytes(7)), '"n"=hex(b):01,00,00,00,00,00,00,00'),
        (RegistryValue("n", 0, b""), '"n"=hex(0):'),
        (RegistryValue("n", 0x1F4, b"\1"), '"n"=hex(1f4):01'),
        # A string cannot say these: no NUL at its end, more behind it, a line break, half a character.
        (RegistryValue("n", 1, b"a\0"), '"n"=hex(1):61,00'),
        (RegistryValue("n", 1, b"a\0\0\0b\0\0\0"), '"n"=hex(1):61,00,00,00,62,00,00,00'),
        (RegistryValue("n", *typed("a\nb")), '"n"=hex(1):61,00,0a,00,62,00,00,00'),
        (RegistryValue("n", 1, b"\0\xd8\0\0"), '"n"=hex(1):00,d8,00,00'),
        (RegistryValue("n", 4, b"\1"), '"n"=hex(4):01'),
    ],
)
def test_values(value: RegistryValue, line: str) -> None:
    assert list(value_lines(value)) == [line]


def test_long_values_are_broken_as_regedit_breaks_them() -> None:
    lines = list(value_lines(RegistryValue("name", 3, bytes(range(256)))))
    assert len(lines) > 1
    assert all(line.endswith(",\\") and len(line) <= WIDTH for line in lines[:-1])
    digits = "".join(line.removesuffix("\\").strip() for line in lines).partition(":")[2]
    assert bytes.fromhex(digits.replace(",", "")) == bytes(range(256))


def export(hive: bytes, prefix: str, warnings: list[Warned]) -> list[str]:
    with open_hive(hive, "x") as opened:
        keys = [(key, key.values()) for key in opened.root.walk()]
        return list(reg_lines(keys, prefix, warnings))


KEYS: Keys = {
    "Alpha\\Beta": {"s": 'quoted "text" and \\', "": "default", "d": 0xFFFFFFFF, "b": bytes(300)},
    "Alpha\\Gamma": {"m": ["one", "two"], "e": (2, "%x%\0".encode("utf-16-le")), "q": (11, bytes(range(8)))},
    "Empty": {},
    "Odd": {"cut": (1, b"a\0"), "none": (0, b"")},
}


def test_the_text_of_a_tree() -> None:
    lines = export(make_hive({"A": {"x": 1}, "A\\B": {}}), "HKEY_LOCAL_MACHINE\\SOFTWARE", [])
    assert lines == [
        "Windows Registry Editor Version 5.00",
        "",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE]",
        "",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]",
        '"x"=dword:00000001',
        "",
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\A\\B]",
        "",
    ]


@pytest.mark.host
def test_another_program_reads_it_back_to_the_same_values(tmp_path: Path) -> None:
    """hivexregedit, which shares no line with us, makes the same hive of it."""
    prefix = "HKEY_LOCAL_MACHINE\\SOFTWARE"
    warnings: list[Warned] = []
    lines = export(make_hive(KEYS), prefix, warnings)
    text, target = tmp_path / "x.reg", tmp_path / "hive"
    text.write_text("\r\n".join(lines) + "\r\n")
    target.write_bytes(empty("SOFTWARE"))
    subprocess.run(["hivexregedit", "--merge", "--prefix", prefix, target, text], check=True)
    assert values_of(target.read_bytes()) == values_of(make_hive(KEYS))
    assert warnings == []


def values_of(hive: bytes) -> dict[str, set[tuple[str, int, bytes]]]:
    with open_hive(hive, "x") as opened:
        return {key.path: {(v.name, v.type, v.data) for v in key.values()} for key in opened.root.walk()}


def test_names_that_the_format_cannot_hold_are_left_out_and_said() -> None:
    warnings: list[Warned] = []
    lines = export(make_hive({"Good": {"a\nb": 1, "c": 2}, "Bad\nkey": {"d": 3}}), "HKEY_USERS\\x", warnings)
    assert [line for line in lines if line.startswith('"')] == ['"c"=dword:00000002']
    assert not any("Bad" in line for line in lines)
    assert len(warnings) == 2
