"""imgtools registry export."""

from __future__ import annotations

import pytest

from tests.support.registry import Registry, registry_runner

KEY = r"HKLM\SOFTWARE\Köln"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    return registry_runner(monkeypatch)


def test_reg_text(registry: Registry) -> None:
    text = registry("export", KEY).out
    assert text.split("\r\n") == [
        "Windows Registry Editor Version 5.00",
        "",
        r"[HKEY_LOCAL_MACHINE\SOFTWARE\Köln]",
        "",
        r"[HKEY_LOCAL_MACHINE\SOFTWARE\Köln\Leer]",
        "",
        r"[HKEY_LOCAL_MACHINE\SOFTWARE\Köln\Typen]",
        '@="default"',
        '"text"="Grüße"',
        '"expand"=hex(2):25,00,78,00,25,00,00,00',
        '"multi"=hex(7):6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00',
        '"dword"=dword:000000ff',
        '"qword"=hex(b):00,00,00,00,00,01,00,00',
        '"blob"=hex:00,01,ff',
        "",
        "",
    ]


def test_users_have_the_prefix_that_an_import_wants(registry: Registry) -> None:
    """virt-win-reg writes HKEY_LOCAL_MACHINE before .DEFAULT, which nothing imports."""
    assert r"[HKEY_USERS\.DEFAULT\Environment]" in registry("export", r"HKU\.DEFAULT").out
    assert r"[HKEY_USERS\S-1-5-21-1-2-3-1001]" in registry("export", r"HKU\alice.NEW").out


def test_json(registry: Registry) -> None:
    document = registry("export", KEY, "--json").json
    assert document["schema"] == "imgtools.registry.export/1"
    keys = document["data"]["keys"]
    assert [key["key"].rpartition("\\")[2] for key in keys] == ["Köln", "Leer", "Typen"]
    assert keys[2]["values"][4]["number"] == 255


def test_bad_input(registry: Registry) -> None:
    ran = registry("export", r"HKLM\SOFTWARE\x", code=25)
    assert ran.out == "" and "no such registry key" in ran.err
