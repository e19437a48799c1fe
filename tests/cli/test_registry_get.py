"""imgtools registry get."""

from __future__ import annotations

import base64

import pytest

from tests.support.command import imgtools
from tests.support.fixtures import fixture_image
from tests.support.hives import make_hive, with_sequences
from tests.support.images import memory_image
from tests.support.memory import MemoryFilesystem, memory_volume, serve
from tests.support.registry import Registry, registry_runner

KEY = r"HKLM\SOFTWARE\Köln\Typen"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    return registry_runner(monkeypatch)


def test_all_values_of_a_key(registry: Registry) -> None:
    assert registry("get", r"hklm\software\KÖLN\typen").out.splitlines() == [
        "Name\tType\tData",
        "@\tREG_SZ\tdefault",
        "text\tREG_SZ\tGrüße",
        "expand\tREG_EXPAND_SZ\t%x%",
        "multi\tREG_MULTI_SZ\tone | two",
        "dword\tREG_DWORD\t0xff (255)",
        "qword\tREG_QWORD\t0x10000000000 (1099511627776)",
        "blob\tREG_BINARY\t00 01 ff",
    ]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("TEXT", "Grüße\n"),
        ("@", "default\n"),
        ("", "default\n"),
        ("multi", "one\ntwo\n"),
        ("dword", "255\n"),
        ("blob", "0001ff\n"),
    ],
)
def test_one_value_alone(registry: Registry, value: str, printed: str) -> None:
    assert registry("get", KEY, value).out == printed


def test_the_bytes_of_a_value(registry: Registry) -> None:
    assert registry("get", KEY, "dword", "--raw").out == "�\0\0\0"  # a text stream of the tests


def test_the_control_set_that_boots(registry: Registry) -> None:
    ran = registry("get", r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters", "--json")
    assert ran.data["key"] == r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Services\Tcpip\Parameters"
    assert {value["name"]: value["text"] for value in ran.data["values"]}["Hostname"] == "desk-42"


def test_json(registry: Registry) -> None:
    document = registry("get", KEY, "multi", "--json").json
    assert (document["schema"], document["engine"]) == ("imgtools.registry.get/1", "memory")
    data = document["data"]
    assert (data["hive"], data["subkeys"]) == ("/Windows/System32/config/SOFTWARE", [])
    assert data["modified"].endswith("Z")
    assert data["values"] == [
        {
            "name": "multi",
            "type": "REG_MULTI_SZ",
            "text": None,
            "texts": ["one", "two"],
            "number": None,
            "data": base64.b64encode("one\0two\0\0".encode("utf-16-le")).decode(),
        }
    ]


def test_a_user_and_the_boot_configuration(registry: Registry) -> None:
    assert registry("get", r"HKU\alice.new\Environment", "whose").out == "alice\n"
    # It is on the EFI system partition, which no drive letter leads to.
    assert registry("get", r"HKLM\BCD00000000\Description", "System").out == "1\n"


def test_a_dirty_hive_is_said(registry: Registry) -> None:
    dirty = with_sequences(make_hive({"Select": {"Current": 1}}), 9, 8)
    ran = registry("get", r"HKLM\SYSTEM\Select", more={"/Windows/System32/config/SYSTEM": dirty})
    assert ran.err.count("/Windows/System32/config/SYSTEM: registry hive was not closed cleanly") == 1


def test_a_value_called_by_the_sign_of_the_default_value_can_be_asked_for(registry: Registry) -> None:
    both = make_hive({"Both": {"": "the default", "@": "the sign"}, "One": {"": "alone"}})
    more = {"/Windows/System32/config/SAM": both}
    assert registry("get", r"HKLM\SAM\Both", "@", more=more).out == "the sign\n"
    assert registry("get", r"HKLM\SAM\Both", "", more=more).out == "the default\n"
    assert registry("get", r"HKLM\SAM\One", "@", more=more).out == "alone\n"


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (
            (r"HKLM\SOFTWARE\Nothing\At\All",),
            r"no such registry key: HKEY_LOCAL_MACHINE\SOFTWARE\Nothing\At\All",
            25,
        ),
        ((KEY, "nothing"), "no value nothing in", 25),
        (("SOFTWARE",), "not the name of a registry key: 'SOFTWARE'", 2),
        ((r"HKCU\Software",), "HKEY_CURRENT_USER is made while a user is logged on", 2),
        ((r"HKLM\SECURITY\Policy",), r"the guest has no hive for HKEY_LOCAL_MACHINE\SECURITY", 25),
        ((r"HKU\mallory",), "the guest has no user mallory", 25),
        ((KEY, "--raw"), "--raw is for one VALUE", 2),
    ],
)
def test_bad_input(registry: Registry, words: tuple[str, ...], says: str, code: int) -> None:
    ran = registry("get", *words, code=code)
    assert says in ran.err and ran.out == ""
    assert len(ran.err.splitlines()) == 2 or "--raw" in words


def test_a_damaged_hive_is_named(registry: Registry) -> None:
    ran = registry(
        "get", r"HKLM\SYSTEM\Select", more={"/Windows/System32/config/SYSTEM": b"x" * 9000}, code=20
    )
    assert "not a registry hive: /Windows/System32/config/SYSTEM" in ran.err


def test_a_guest_that_is_no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    linux = {"/etc/fstab": "", "/bin/sh": "", "/etc/os-release": 'ID=debian\nPRETTY_NAME="Debian 12"\n'}
    serve(monkeypatch, "registry", memory_image({memory_volume(): MemoryFilesystem(linux)}))
    ran = imgtools("registry", "get", "x.img", r"HKLM\SOFTWARE", code=24)
    assert "this guest is Debian 12" in ran.err


def test_a_windows_disk() -> None:
    """The fixture's hives are written by hivexregedit: keys that no line of ours has made."""
    image = fixture_image("windows")
    assert imgtools("registry", "get", image, r"HKU\alice\Software\Example\Types", "unicode").out == "Grüße\n"
    parameters = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    assert imgtools("registry", "get", image, parameters, "Hostname").out == "WIN10-FIXTURE\n"
    assert (
        imgtools("registry", "get", image, r"HKLM\BCD00000000\Description", "KeyName").out == "BCD00000000\n"
    )


def test_disks_with_bad_hives() -> None:
    damaged, dirty = fixture_image("broken:hive-damaged"), fixture_image("broken:hive-dirty")
    key = r"HKLM\SOFTWARE\Microsoft"
    assert (
        "damaged registry hive /Windows/System32/config/SOFTWARE"
        in imgtools("registry", "get", damaged, key, code=20).err
    )
    assert "not closed cleanly" in imgtools("registry", "get", dirty, r"HKLM\SYSTEM\Select").err
    assert "not closed cleanly" not in imgtools("ls", dirty, "/Users").err
