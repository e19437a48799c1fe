"""imgtools registry list."""

from __future__ import annotations

import pytest

from tests.support.hives import make_hive, with_class
from tests.support.registry import Registry, registry_runner


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    return registry_runner(monkeypatch)


def test_the_hives_of_the_guest(registry: Registry) -> None:
    damaged = {"/Users/alice.NEW/NTUSER.DAT": b"regf" + bytes(9000)}
    rows = [line.split("\t") for line in registry("list", more=damaged).out.splitlines()]
    assert rows[0] == ["Key", "Size", "State", "File"]
    assert [(row[0].rpartition("\\")[2], row[2]) for row in rows[1:5]] == [
        ("SAM", "clean"), ("SOFTWARE", "clean"), ("SYSTEM", "clean"), ("BCD00000000", "clean"),
    ]  # fmt: skip
    assert rows[4][3] == "/S:/EFI/Microsoft/Boot/BCD"
    assert "damaged registry hive /Users/alice.NEW/NTUSER.DAT" in rows[6][2]


def test_a_damaged_hive_hides_no_other(registry: Registry) -> None:
    """Without SOFTWARE nobody knows the profiles; the machine's hives are there all the same."""
    out = registry("list", more={"/Windows/System32/config/SOFTWARE": b"x" * 9000}).out
    assert "HKEY_LOCAL_MACHINE\\SOFTWARE\t9000\tnot a registry hive" in out
    assert "HKEY_LOCAL_MACHINE\\SYSTEM" in out


def test_the_hives_as_json(registry: Registry) -> None:
    document = registry("list", "--json").json
    assert document["schema"] == "imgtools.registry.hives/1"
    first = document["data"]["hives"][0]
    assert (first["key"], first["dirty"], first["problem"]) == (r"HKEY_LOCAL_MACHINE\SAM", False, "")


def test_the_keys_below_a_key(registry: Registry) -> None:
    prefix = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Köln"
    assert registry("list", r"HKLM\SOFTWARE\Köln").out.splitlines() == [rf"{prefix}\Leer", rf"{prefix}\Typen"]
    assert registry("list", r"HKLM\SOFTWARE\Köln\Leer").out == ""
    rows = [line.split("\t") for line in registry("list", r"HKLM\SOFTWARE\Köln", "-l").out.splitlines()]
    assert rows[0] == ["Modified", "Keys", "Values", "Key", "Class"]
    assert [row[1:3] for row in rows[1:]] == [["0", "0"], ["0", "7"]]


def test_everything_below_a_key(registry: Registry) -> None:
    lines = registry("list", r"HKLM\SOFTWARE\Microsoft", "-R").out.splitlines()
    assert lines[:2] == [
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT",
        r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion",
    ]
    document = registry("list", r"HKLM\SOFTWARE\Microsoft", "-R", "--json").json
    assert [row["key"] for row in document["data"]["keys"]] == lines


def test_bad_input(registry: Registry) -> None:
    assert "want a KEY" in registry("list", "-R", code=2).err
    assert "there is HKEY_LOCAL_MACHINE" in registry("list", r"HKLM\SOFTWARE\x", code=25).err


def test_what_is_below_a_root_is_the_hives_that_windows_loads_there(registry: Registry) -> None:
    more = {"/Users/Default/NTUSER.DAT": make_hive({"Environment": {}}, "x")}
    machine = registry("list", "HKLM").out.splitlines()
    assert r"HKEY_LOCAL_MACHINE\SAM" in machine and r"HKEY_LOCAL_MACHINE\SOFTWARE" in machine
    assert all(line.startswith(r"HKEY_LOCAL_MACHINE") for line in machine)
    users = registry("list", "HKU", more=more).out
    assert r"HKEY_USERS\Default" in users and "HKEY_LOCAL" not in users


def test_the_hive_that_new_users_get_is_listed_and_read(registry: Registry) -> None:
    more = {"/Users/Default/NTUSER.DAT": make_hive({"Environment": {"whose": "nobody's"}}, "x")}
    assert "/Users/Default/NTUSER.DAT" in registry("list", more=more).out
    assert registry("get", r"HKU\Default\Environment", "whose", more=more).out == "nobody's\n"


def test_the_class_of_a_key_is_shown_wherever_the_key_is(registry: Registry) -> None:
    """Lsa's keys hold the parts of the boot key in their classes; no tool for hives of libguestfs shows them."""
    hive = with_class(make_hive({"Lsa\\JD": {"a": 1}, "Lsa\\Data": {}}), "JD", "3e8aa1c4")
    more = {"/Windows/System32/config/DEFAULT": hive}
    rows = [
        line.split("\t")[3:]
        for line in registry("list", r"HKU\.DEFAULT\Lsa", "-l", more=more).out.splitlines()
    ]
    assert rows == [
        ["Key", "Class"],
        [r"HKEY_USERS\.DEFAULT\Lsa\Data", ""],
        [r"HKEY_USERS\.DEFAULT\Lsa\JD", "3e8aa1c4"],
    ]
    assert "class: 3e8aa1c4" in registry("get", r"HKU\.DEFAULT\Lsa\JD", more=more).err
    told = registry("get", r"HKU\.DEFAULT\Lsa\JD", "--json", more=more).data
    assert told["class_name"] == "3e8aa1c4"
    exported = registry("export", r"HKU\.DEFAULT\Lsa\JD", more=more).out.split("\r\n")
    assert exported[2:4] == [r"[HKEY_USERS\.DEFAULT\Lsa\JD]", "; class: 3e8aa1c4"]
    keys = registry("export", r"HKU\.DEFAULT\Lsa", "--json", more=more).data["keys"]
    assert [key["class_name"] for key in keys] == ["", "", "3e8aa1c4"]
