"""imgtools registry diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import NoSuchRegistryKey, UsageError
from tests.support.bare_hives import EXAMPLE, KEYS, bare_hive, registry
from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import copy_fixture, fixture_image

OTHER = {
    EXAMPLE: {"name": "other", "Count": 3, "List": ["one", "two"], "New": 1},
    "software\\example\\Below\\Deep": {"y": 2},
    "Environment": {"TEMP": "%USERPROFILE%\\t"},
    "Added": {},
}
DIFFERENCES = [
    r"+[HKEY_CURRENT_USER\Added]",
    r" [HKEY_CURRENT_USER\Software\Example]",
    '-"Name"="text"',
    '+"name"="other"',
    '-@="default"',
    '+"New"=dword:00000001',
    r" [HKEY_CURRENT_USER\Software\Example\Below]",
    '-"x"=hex:01,02',
    r"+[HKEY_CURRENT_USER\Software\Example\Below\Deep]",
    '+"y"=dword:00000002',
]


@pytest.fixture
def hives(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "other").mkdir()
    return bare_hive(tmp_path, keys=KEYS), bare_hive(tmp_path / "other", keys=OTHER)


def test_two_hives(hives: tuple[Path, Path]) -> None:
    one, two = hives
    ran = registry("diff", one, "--other", two, code=1)
    assert ran.out.splitlines() == [f"--- {one}", f"+++ {two}", *DIFFERENCES]
    back = registry("diff", two, "--other", one, code=1).out.splitlines()[2:]
    assert {(line[0], line[1:].lower()) for line in back if line[0] != " "} == {
        ("-" if line[0] == "+" else "+", line[1:].lower()) for line in DIFFERENCES if line[0] != " "
    }
    assert registry("diff", one, "--other", one).out == ""
    rows = registry("diff", one, "Environment", "--other", two, "--json").data["differences"]
    assert rows == []


def test_two_keys_of_one(hives: tuple[Path, Path]) -> None:
    ran = registry("diff", hives[0], EXAMPLE, "Environment", code=1)
    assert ran.out.splitlines()[2:4] == [r" [HKEY_CURRENT_USER\Software\Example]", '-"Name"="text"']
    assert registry("diff", hives[0], EXAMPLE, EXAMPLE).out == ""


def test_what_a_merge_would_change(hives: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "a.reg"
    file.write_text(
        f'[HKCU\\{EXAMPLE}]\n"Name"="new"\n"Count"=dword:3\n"none"=-\n"List"=-\n'
        "[HKCU\\Nothing]\n[-HKCU\\Environment]\n[-HKCU\\None]\n"
    )
    assert registry("diff", hives[0], file, code=1).out.splitlines()[2:] == [
        r" [HKEY_CURRENT_USER\Software\Example]",
        '-"Name"="text"',
        '+"Name"="new"',
        '-"List"=hex(7):6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00',
        r"+[HKEY_CURRENT_USER\Nothing]",
        r"-[HKEY_CURRENT_USER\Environment]",
    ]
    registry("merge", hives[0], file, "--write")
    assert registry("diff", hives[0], file).out == ""


def test_two_guests_and_two_times_of_one(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    qemu_img("snapshot", "-c", "before", image)
    imgtools("registry", "set", image, r"HKLM\SOFTWARE\New", "v", "x", "--write")
    for words in (["--other", str(fixture_image("windows"))], ["--other-snapshot", "before"]):
        lines = imgtools("registry", "diff", image, *words, code=1).out.splitlines()
        assert lines[2:] == [r"-[HKEY_LOCAL_MACHINE\SOFTWARE\New]", '-"v"="x"']
        assert imgtools("registry", "diff", image, r"HKLM\SYSTEM", *words).out == ""


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ([], UsageError, "compare with what?"),
        ([EXAMPLE], UsageError, "is no file, and there is no second key"),
        ([EXAMPLE, "Nothing"], NoSuchRegistryKey, "no such registry key"),
        (["Nothing", "--other", "HIVE"], NoSuchRegistryKey, "no such registry key"),
        ([EXAMPLE, "Environment", "--other", "HIVE"], UsageError, "two keys and a second image"),
        (["--other-format", "raw"], UsageError, "--other-format is that of --other"),
    ],
)
def test_what_cannot_be_compared(hives: tuple[Path, Path], words: list[str], error: type, said: str) -> None:
    named = [str(hives[1]) if word == "HIVE" else word for word in words]
    assert said in registry("diff", hives[0], *named, code=error.exit_code).err
