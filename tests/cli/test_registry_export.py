"""imgtools registry export."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fixtures.hives import empty
from imgtools.engine.hive import open_hive
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.registry import Registry, registry_runner

PARENTS = (
    "Microsoft",
    r"Microsoft\Windows",
    r"Microsoft\Windows\CurrentVersion",
    r"Microsoft\Windows\CurrentVersion\Uninstall",
)
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


def test_hivexregedit_reads_what_we_export(tmp_path: Path) -> None:
    """virt-win-reg is made of it."""
    image = fixture_image("windows")
    hive, ours = tmp_path / "SOFTWARE", tmp_path / "ours.reg"
    ours.write_text(
        imgtools(
            "registry", "export", image, r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\7-Zip"
        ).out
    )
    hive.write_bytes(empty("SOFTWARE"))
    prefix = r"HKEY_LOCAL_MACHINE\SOFTWARE"
    parents = "\n\n".join(f"[{prefix}\\{path}]" for path in PARENTS)
    (tmp_path / "parents.reg").write_text(f"{parents}\n")
    for text in (tmp_path / "parents.reg", ours):
        subprocess.run(["hivexregedit", "--merge", "--prefix", prefix, hive, text], check=True)
    with open_hive(hive.read_bytes(), "SOFTWARE") as merged:
        assert merged.root.require(PARENTS[-1] + r"\7-Zip").text("DisplayName") == "7-Zip 23.01 (x64)"
