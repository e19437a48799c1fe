"""imgtools registry merge."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgtools.engine.regf.editor import HiveEditor
from imgtools.errors import HostError, NoSuchGuestFile, NoSuchRegistryKey, UsageError
from tests.support.bare_hives import EXAMPLE, bare_hive, has_key, registry, values_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture
from tests.support.hives import make_hive

HEADER = "Windows Registry Editor Version 5.00\r\n\r\n"


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    return bare_hive(tmp_path)


def reg(folder: Path, text: str, name: str = "a.reg", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes((HEADER + text).encode(encoding))
    return folder / name


def test_what_a_file_says_in_its_order(hive: Path, tmp_path: Path) -> None:
    file = reg(
        tmp_path,
        "[-HKEY_CURRENT_USER\\Software\\Example]\n[HKEY_CURRENT_USER\\Software\\Example\\New\\Key]\n"
        '; a remark\n"ä"="é"\n"short"=dword:1\n"gone"="x"\n[HKEY_CURRENT_USER\\Environment]\n"TEMP"=-\n'
        '[HKEY_CURRENT_USER\\Software\\Example\\New\\Key]\n"gone"=-\n"short"=dword:2',
    )
    registry("merge", hive, file, "--write")
    assert values_of(hive, f"{EXAMPLE}\\New\\Key") == {
        "ä": (1, "é\0".encode("utf-16-le")),
        "short": (4, b"\2\0\0\0"),
    }
    assert values_of(hive) == {} and values_of(hive, "Environment") == {}
    assert "Nothing to change" not in registry("merge", hive, file, "--write").err
    assert not has_key(hive, f"{EXAMPLE}\\Below")


def test_several_files_the_last_of_which_counts(hive: Path, tmp_path: Path) -> None:
    one = reg(tmp_path, f'[HKCU\\{EXAMPLE}]\n"Count"=dword:1\n"a"="1"', "1.reg", "utf-16")
    two = reg(tmp_path, f'[HKCU\\{EXAMPLE}]\n"COUNT"=dword:2\n"b"="2"', "2.reg")
    registry("merge", hive, one, two, "--write")
    found = values_of(hive)
    assert found["Count"] == (4, b"\2\0\0\0") and {"a", "b"} < set(found)
    registry("merge", hive, two, one, "--write")
    assert values_of(hive)["Count"] == (4, b"\1\0\0\0")


def test_import_is_the_same(hive: Path, tmp_path: Path) -> None:
    file = reg(tmp_path, f'[HKCU\\{EXAMPLE}]\n"Count"=dword:9')
    assert registry("import", hive, file, "--json").data == registry("merge", hive, file, "--json").data


def test_nothing_is_written_if_one_line_does_not_parse(hive: Path, tmp_path: Path) -> None:
    before = hive.read_bytes()
    good = reg(tmp_path, f'[HKCU\\{EXAMPLE}]\n"a"="1"', "good.reg")
    bad = reg(tmp_path, f'[HKCU\\{EXAMPLE}]\n"a"=dword:xyz', "bad.reg")
    ran = registry("merge", hive, good, bad, "--write", code=UsageError.exit_code)
    assert 'bad.reg, line 4, column 5: neither "text", dword:, hex: nor hex(n):: "a"=dword:xyz' in ran.err
    registry("merge", hive, tmp_path / "none.reg", "--write", code=HostError.exit_code)
    assert hive.read_bytes() == before


def test_missing_parents_are_refused_if_that_is_wanted(hive: Path, tmp_path: Path) -> None:
    file = reg(tmp_path, '[HKCU\\A\\B]\n"a"="1"')
    ran = registry("merge", hive, file, "--no-create-parents", "--write", code=NoSuchRegistryKey.exit_code)
    assert r"no such registry key: HKEY_CURRENT_USER\A" in ran.err


def test_three_hives_of_a_guest_in_one_transaction(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    file = reg(
        tmp_path,
        '[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\New]\n"Start"=dword:4\n'
        '[HKEY_LOCAL_MACHINE\\SOFTWARE\\New]\n@="x"\n[HKCR\\.new]\n@="newfile"\n'
        '[HKEY_CURRENT_USER\\Environment]\n"NEW"="alice"\n',
        encoding="utf-16",
    )
    ran = imgtools("registry", "merge", image, file, "--user", "alice", "--json")
    assert len({one["path"] for one in ran.data["changes"]}) == 3
    imgtools("registry", "merge", image, file, "--user", "alice", "--write")
    for key, value, text in (
        (r"HKLM\SYSTEM\ControlSet001\Services\New", "Start", "4"),
        (r"HKLM\SOFTWARE\New", "@", "x"),
        (r"HKLM\SOFTWARE\Classes\.new", "@", "newfile"),
        (r"HKU\alice\Environment", "NEW", "alice"),
    ):
        assert imgtools("registry", "get", image, key, value).out == f"{text}\n"
    assert imgtools("registry", "diff", image, file, "--user", "alice").out == ""
    imgtools("registry", "merge", image, file, "--user", "nobody", code=NoSuchGuestFile.exit_code)
    imgtools("registry", "merge", image, file, code=UsageError.exit_code)


def test_what_is_exported_is_merged_as_it_was(hive: Path, tmp_path: Path) -> None:
    text = registry("export", hive, "").out
    (tmp_path / "export.reg").write_bytes(text.encode())
    empty = tmp_path / "empty" / "NTUSER.DAT"
    empty.parent.mkdir()
    empty.write_bytes(make_hive({}, "NTUSER"))
    registry("merge", empty, tmp_path / "export.reg", "--write")
    assert registry("export", empty, "").out == text


NAMES = st.text(
    st.characters(exclude_characters="\\\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=8
)
VALUES = st.dictionaries(
    NAMES | st.just(""),
    st.tuples(st.integers(0, 12), st.binary(max_size=40) | st.sampled_from([b"x" * 16384, b"y" * 70_000])),
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(keys=st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("\\".join), VALUES, max_size=4))
def test_whatever_a_hive_holds_goes_through_a_reg_file(
    keys: dict[str, dict[str, tuple[int, bytes]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    hive = bare_hive(folder, keys={})
    editor = HiveEditor(hive.read_bytes(), "NTUSER.DAT", 1 << 56)
    for key, values in keys.items():
        editor.make_key(key)
        for name, (type_, data) in values.items():
            editor.set_value(key, name, type_, data)
    hive.write_bytes(editor.finish() or hive.read_bytes())
    text = registry("export", hive, "").out
    for encoding, mark in (("utf-8", b""), ("utf-16-le", codecs.BOM_UTF16_LE)):
        (folder / "export.reg").write_bytes(mark + text.encode(encoding, "surrogatepass"))
        (folder / "again").mkdir(exist_ok=True)
        again = bare_hive(folder / "again", keys={})
        registry("merge", again, folder / "export.reg", "--write")
        assert registry("export", again, "").out == text
