"""What virt-win-reg fails at or mangles (the same Regedit.pm as hivexregedit's), done right: a golden set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.bare_hives import bare_hive, registry, values_of
from tests.support.hives import make_hive

HEAD = "Windows Registry Editor Version 5.00\n\n"
KEY = "[HKEY_CURRENT_USER\\Software\\Example]\n"
SZ, BINARY, DWORD = 1, 3, 4


def sz(text: str) -> tuple[int, bytes]:
    return SZ, (text + "\0").encode("utf-16-le")


# Name: the text of the file, the key, and what it has afterwards.
CASES: dict[str, tuple[str | bytes, str, dict[str, tuple[int, bytes]]]] = {
    "a comment inside a key": (f'{HEAD}{KEY}"a"="1"\n; why\n"b"="2"\n', "", {"a": sz("1"), "b": sz("2")}),
    "no empty line between keys": (
        f'{HEAD}{KEY}"a"="1"\n[HKEY_CURRENT_USER\\Software\\Other]\n"b"="2"\n',
        "Software\\Other",
        {"b": sz("2")},
    ),
    "a parent that is missing": (
        f'{HEAD}[HKEY_CURRENT_USER\\Software\\New\\Deep\\Deeper]\n"a"="1"\n',
        "Software\\New\\Deep\\Deeper",
        {"a": sz("1")},
    ),
    "a number of one digit": (f'{HEAD}{KEY}"a"=dword:1\n', "", {"a": (DWORD, b"\1\0\0\0")}),
    "UTF-8 without a mark": (f'{HEAD}{KEY}"é"="Grüße"\n', "", {"é": sz("Grüße")}),
    "UTF-8 with a mark": ("\ufeff" + f'{HEAD}{KEY}"é"="Grüße"\n', "", {"é": sz("Grüße")}),
    "UTF-16, as regedit writes it": (
        ("\ufeff" + f'{HEAD}{KEY}"é"="Grüße"\n').replace("\n", "\r\n").encode("utf-16-le"),
        "",
        {"é": sz("Grüße")},
    ),
    "UTF-16 of the other order": (
        ("\ufeff" + f'{HEAD}{KEY}"é"="Grüße"\n').encode("utf-16-be"),
        "",
        {"é": sz("Grüße")},
    ),
    "hex over several lines, with a comment between": (
        f'{HEAD}{KEY}"a"=hex:01,\\\n  02,03\n; after\n"b"=hex(1):41,00,\\\n  00,00\n',
        "",
        {"a": (BINARY, b"\1\2\3"), "b": sz("A")},
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_it_is_merged(case: str, tmp_path: Path) -> None:
    text, key, wanted = CASES[case]
    hive = bare_hive(tmp_path)
    file = tmp_path / "merge.reg"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    registry("merge", hive, file, "--write")
    found = values_of(hive, key) if key else values_of(hive)
    assert {name: found[name] for name in wanted} == wanted


def test_an_export_of_default_can_be_imported(tmp_path: Path) -> None:
    """virt-win-reg leaves out the header, and calls HKU\\.DEFAULT a key of HKEY_LOCAL_MACHINE."""
    hive = bare_hive(tmp_path, "DEFAULT", {"Control Panel": {"Name": "text"}})
    text = registry("export", hive, "").out
    assert text.startswith("Windows Registry Editor Version 5.00")
    assert "[HKEY_USERS\\.DEFAULT\\Control Panel]" in text and '"Name"="text"' in text
    other = tmp_path / "other" / "DEFAULT"
    other.parent.mkdir()
    other.write_bytes(make_hive({}, "DEFAULT"))
    (tmp_path / "x.reg").write_text(text)
    registry("merge", other, tmp_path / "x.reg", "--write")
    assert values_of(other, "Control Panel") == {"Name": sz("text")}


def test_texts_are_exported_as_texts(tmp_path: Path) -> None:
    """hivexregedit exports every text as hex(1), which nobody can read."""
    hive = bare_hive(tmp_path)
    theirs = subprocess.run(
        ["hivexregedit", "--export", hive, "\\Software\\Example"], capture_output=True, text=True, check=True
    )
    assert '"Name"=hex(1)' in theirs.stdout
    assert '"Name"="text"' in registry("export", hive, "Software\\Example").out
