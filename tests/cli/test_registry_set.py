"""imgtools registry set."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from imgtools.errors import (
    EditConflict,
    EditFailed,
    HostError,
    KeyNeeded,
    NoSuchGuestFile,
    NoSuchRegistryKey,
    OddGuest,
    TargetExists,
    UnsupportedGuest,
    UsageError,
)
from tests.support.bare_hives import EXAMPLE, KEYS, bare_hive, has_key, registry, values_of
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture, fixture_image
from tests.support.hives import make_hive, new_log, with_sequences


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    return bare_hive(tmp_path)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


# -- what is set --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name", "stored"),
    [
        (["New", "text"], "New", (1, utf16("text\0"))),
        (["Name", "Grüße €"], "Name", (1, utf16("Grüße €\0"))),
        (["name", "%x%", "--type", "expand_sz"], "Name", (2, utf16("%x%\0"))),
        (["List", "a", "b c", "--type", "multi_sz"], "List", (7, utf16("a\0b c\0\0"))),
        (["List", "a"], "List", (7, utf16("a\0\0"))),  # the type that it has
        (["Count", "7"], "Count", (4, b"\7\0\0\0")),
        (["Count", "0xffffffff"], "Count", (4, b"\xff" * 4)),
        (["Q", "18446744073709551615", "--type", "QWORD"], "Q", (11, b"\xff" * 8)),
        (["B", "00,ff 0a", "--type", "REG_BINARY"], "B", (3, b"\0\xff\x0a")),
        (["B", "0aff", "--type", "0x1f4"], "B", (500, b"\x0a\xff")),
        (["N", "", "--type", "none"], "N", (0, b"")),
        (["--default", "text"], "", (1, utf16("text\0"))),
        (["@", "text"], "", (1, utf16("text\0"))),
        (["New", "@@shell32.dll,-1"], "New", (1, utf16("@shell32.dll,-1\0"))),
    ],
)
def test_values_of_every_type(hive: Path, words: list[str], name: str, stored: tuple[int, bytes]) -> None:
    registry("set", hive, EXAMPLE, *words, "--write")
    assert values_of(hive)[name] == stored
    assert len(values_of(hive)) == len(KEYS[EXAMPLE]) + (name not in KEYS[EXAMPLE])


def test_values_from_files_and_standard_input(
    hive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blob").write_bytes(bytes(range(256)))
    (tmp_path / "text").write_bytes("two\r\nlines\n".encode("utf-16"))
    registry("set", hive, EXAMPLE, "Blob", f"@{tmp_path / 'blob'}", "--type", "binary", "--write")
    registry("set", hive, EXAMPLE, "Lines", f"@{tmp_path / 'text'}", "--type", "multi_sz", "--write")
    with (tmp_path / "text").open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Input", (), {"buffer": stream}))
        registry("set", hive, EXAMPLE, "Text", "-", "--write")
    found = values_of(hive)
    assert found["Blob"] == (3, bytes(range(256)))
    assert found["Lines"] == (7, utf16("two\0lines\0\0"))
    assert found["Text"] == (1, utf16("two\r\nlines\0"))


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["New"], UsageError, "name the value and what it becomes"),
        (["Count", "abc"], UsageError, "not a number for REG_DWORD: 'abc'"),
        (["Count", "4294967296"], UsageError, "4294967296 is no REG_DWORD"),
        (["Count", "-1"], UsageError, "-1 is no REG_DWORD"),
        (["Q", "0x10000000000000000", "--type", "qword"], UsageError, "is no REG_QWORD"),
        (["B", "0", "--type", "binary"], UsageError, "not bytes in hexadecimal for REG_BINARY"),
        (["Name", "a", "b"], UsageError, "2 values for one REG_SZ"),
        (["List", "a", "", "--type", "multi_sz"], UsageError, "none of them empty"),
        (["New", "x", "--type", "string"], UsageError, "no such type of a registry value: string"),
        (["New", "@/no/such/file"], HostError, "cannot read /no/such/file"),
    ],
)
def test_what_does_not_fit_is_refused(hive: Path, words: list[str], error: type, said: str) -> None:
    before = hive.read_bytes()
    ran = (
        registry("set", hive, EXAMPLE, "--write", "--", *words[:1], *words[1:2], code=error.exit_code)
        if ("-1" in words)
        else registry("set", hive, EXAMPLE, *words, "--write", code=error.exit_code)
    )
    assert said in ran.err and hive.read_bytes() == before


def test_a_plan_first_in_reg_notation(hive: Path) -> None:
    before = hive.read_bytes()
    document = registry("set", hive, EXAMPLE, "Count", "4", "--json").json
    (change,) = document["data"]["changes"]
    assert change["kind"] == "registry-set" and change["number"] == 4 and change["type"] == "REG_DWORD"
    assert change["diff"].splitlines() == [
        r" [HKEY_CURRENT_USER\Software\Example]",
        '-"Count"=dword:00000003',
        '+"Count"=dword:00000004',
    ]
    assert not document["data"]["written"] and hive.read_bytes() == before
    assert "Nothing to change" in registry("set", hive, EXAMPLE, "Count", "3", "--write").err
    assert hive.read_bytes() == before


@pytest.mark.parametrize(
    "key", [EXAMPLE, "HKCU\\Software\\Example", r"HKEY_USERS\S-1-5-21-1\Software\Example"]
)
def test_keys_of_a_bare_hive_are_below_its_root(hive: Path, key: str) -> None:
    registry("set", hive, key, "Count", "4", "--write")
    assert values_of(hive)["Count"] == (4, b"\4\0\0\0")


# -- parents ------------------------------------------------------------------------------------------------------


def test_missing_parents_are_made_or_not(hive: Path) -> None:
    registry("set", hive, "New", "v", "x", "--no-create-parents", "--write")
    ran = registry("set", hive, "A\\B\\C", "v", "x", "--no-create-parents", code=NoSuchRegistryKey.exit_code)
    assert ran.err.splitlines() == [
        r"imgtools: no such registry key: HKEY_CURRENT_USER\A\B",
        "  hint: there is HKEY_CURRENT_USER",
    ]
    registry("set", hive, "A\\B\\C", "v", "x", "--write")
    assert has_key(hive, "New") and has_key(hive, "A\\B\\C")


# -- the file -----------------------------------------------------------------------------------------------------


def test_the_file_keeps_its_mode_and_a_new_one_leaves_it_alone(hive: Path, tmp_path: Path) -> None:
    hive.chmod(0o640)
    before, new = hive.read_bytes(), tmp_path / "new.dat"
    registry("set", hive, EXAMPLE, "Count", "4", "--output", new)
    assert hive.read_bytes() == before and values_of(new)["Count"] == (4, b"\4\0\0\0")
    registry("set", hive, EXAMPLE, "Count", "5", "--output", new, code=TargetExists.exit_code)
    registry("set", hive, EXAMPLE, "Count", "5", "--output", new, "--overwrite")
    assert values_of(new)["Count"] == (4, b"\5\0\0\0")
    registry("set", hive, EXAMPLE, "Count", "4", "--write", "--backup")
    assert hive.stat().st_mode & 0o7777 == 0o640
    assert hive.with_name("NTUSER.DAT.bak").read_bytes() == before
    ran = registry("set", hive, EXAMPLE, "Count", "5", "--write", "--backup", code=EditFailed.exit_code)
    assert "is there already" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["NTUSER.DAT", "NTUSER.DAT.bak", "new.dat"]


@pytest.mark.parametrize("content", [b"", b"regf", b"no hive at all" * 400])
def test_a_file_that_is_no_hive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd").write_bytes(content)
    ran = registry("set", tmp_path / "odd", "A", "v", "x", "--write", code=OddGuest.exit_code)
    assert "not a registry hive" in ran.err and (tmp_path / "odd").read_bytes() == content
    registry("set", tmp_path / "none", "A", "v", "x", "--write", code=HostError.exit_code)


def test_a_hive_that_was_not_closed_wants_its_log_applied(tmp_path: Path) -> None:
    before = make_hive({"K": {"v": 1}}, "SOFTWARE")
    after = make_hive({"K": {"v": 2}}, "SOFTWARE")
    hive = tmp_path / "SOFTWARE"
    hive.write_bytes(with_sequences(before, 8, 7))
    hive.with_name("SOFTWARE.LOG1").write_bytes(new_log(before, after, 7))
    ran = registry("set", hive, "K", "w", "x", "--write", code=OddGuest.exit_code)
    assert "not closed cleanly" in ran.err and "--apply-log" in ran.err
    ran = registry("set", hive, "K", "w", "x", "--write", "--apply-log")
    assert [line.split("\t")[0] for line in ran.out.splitlines()[1:]] == [
        "registry-apply-log",
        "registry-set",
    ]
    assert values_of(hive, "K") == {"v": (4, b"\2\0\0\0"), "w": (1, utf16("x\0"))}
    hive.write_bytes(with_sequences(before, 8, 7))
    hive.with_name("SOFTWARE.LOG1").unlink()
    ran = registry("set", hive, "K", "w", "x", "--write", "--apply-log", code=OddGuest.exit_code)
    assert "no transaction log fits" in ran.err


def test_one_file_has_no_second_disk(hive: Path) -> None:
    ran = registry("set", hive, "K", "v", "x", "--add", "b.img", code=UsageError.exit_code)
    assert "--hive names one file" in ran.err


# -- a guest ------------------------------------------------------------------------------------------------------


def test_a_guest_is_changed_in_a_transaction_and_read_back(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    service = r"HKLM\SYSTEM\CurrentControlSet\Services\viostor"
    ran = imgtools("registry", "set", image, service, "Start", "3", "--json")
    (change,) = ran.data["changes"]
    assert change["path"] == "/Windows/System32/config/SYSTEM" and ran.json["engine"] == "direct"
    assert change["key"] == r"ControlSet001\Services\viostor"
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
    imgtools("registry", "set", image, service, "Start", "3", "--write", "--backup")
    assert imgtools("registry", "get", image, service, "Start").out == "3\n"
    assert imgtools("registry", "get", image, service, "Start", "--engine", "appliance").out == "3\n"
    names = imgtools("ls", image, r"C:\Windows\System32\config").out.split()
    assert "SYSTEM.bak" in names
    imgtools("registry", "set", image, r"HKCU\Environment", "X", "1", "--user", "alice", "--write")
    assert imgtools("registry", "get", image, r"HKU\alice\Environment", "X").out == "1\n"
    imgtools("registry", "set", image, r"HKLM\BCD00000000\Description", "X", "1", "--write")
    assert imgtools("registry", "get", image, r"HKLM\BCD00000000\Description", "X").out == "1\n"


@pytest.mark.parametrize(
    ("key", "words", "error", "said"),
    [
        (r"HKLM\HARDWARE\X", [], UsageError, r"no hive holds HKEY_LOCAL_MACHINE\HARDWARE"),
        (r"HKCU\X", [], UsageError, "HKEY_CURRENT_USER is made while a user is logged on"),
        (r"HKCU\X", ["--user", "nobody"], NoSuchGuestFile, "the guest has no user nobody"),
        ("SOFTWARE", [], UsageError, "not the name of a registry key"),
        (r"HKLM", [], UsageError, "is no key of one hive"),
    ],
)
def test_names_that_a_guest_does_not_have(key: str, words: list[str], error: type, said: str) -> None:
    image = fixture_image("windows")
    assert said in imgtools("registry", "set", image, key, "v", "x", *words, code=error.exit_code).err


def test_a_guest_that_is_no_windows() -> None:
    ran = imgtools(
        "registry",
        "set",
        fixture_image("debian"),
        "HKLM\\SOFTWARE",
        "v",
        "x",
        code=UnsupportedGuest.exit_code,
    )
    assert "a registry is Windows' own" in ran.err


def test_a_locked_guest_wants_its_key() -> None:
    image = fixture_image("bitlocker")
    ran = imgtools(
        "registry", "set", image, r"HKLM\SOFTWARE\X", "v", "x", "--write", code=KeyNeeded.exit_code
    )
    assert "is encrypted (BitLocker)" in ran.err and "--key /dev/sda1:file:PATH" in ran.err


# -- with other changes -------------------------------------------------------------------------------------------


def test_registry_and_files_in_one_plan(tmp_path: Path) -> None:
    (image,) = copy_fixture("windows", tmp_path)
    software = "/Windows/System32/config/SOFTWARE"
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps(
            [
                {"kind": "registry-set", "path": software, "key": "Example", "name": "a", "text": "x"},
                {
                    "kind": "registry-set",
                    "path": software,
                    "key": "Example",
                    "name": "b",
                    "type": "dword",
                    "number": 7,
                },
                {"kind": "registry-make-key", "path": software, "key": "Example\\Empty"},
                {"kind": "registry-remove-value", "path": software, "key": "Example", "name": "none"},
                {"kind": "registry-remove-key", "path": software, "key": "NoSuchKey"},
                {"kind": "write-file", "path": "/hello.txt", "content": "hello"},
            ]
        )
    )
    document = imgtools("apply", image, plan, "--json").json
    kinds = [one["kind"] for one in document["data"]["changes"]]
    assert kinds == ["registry-set", "registry-set", "registry-make-key", "write-file"]
    plan.write_text(json.dumps(document))
    imgtools("apply", image, plan, "--write")
    assert imgtools("registry", "get", image, r"HKLM\SOFTWARE\Example", "b").out == "7\n"
    assert imgtools("cat", image, r"C:\hello.txt").out == "hello"
    assert not imgtools("apply", image, plan, "--json").data["changed"]


@pytest.mark.parametrize(
    "changes",
    [
        [
            {"kind": "registry-set", "name": "v", "text": "x"},
            {"kind": "registry-set", "name": "V", "text": "y"},
        ],
        [{"kind": "registry-set", "name": "v", "text": "x"}, {"kind": "registry-remove-value", "name": "v"}],
        [{"kind": "registry-set", "name": "v", "text": "x"}, {"kind": "registry-remove-key"}],
    ],
)
def test_orders_that_contradict_each_other(tmp_path: Path, changes: list[dict[str, str]]) -> None:
    place = {"path": "/Windows/System32/config/SOFTWARE", "key": "Example"}
    (tmp_path / "plan.json").write_text(json.dumps([{**place, **one} for one in changes]))
    imgtools("apply", fixture_image("windows"), tmp_path / "plan.json", code=EditConflict.exit_code)


def test_the_same_order_twice_is_no_contradiction(tmp_path: Path) -> None:
    place = {
        "path": "/Windows/System32/config/SOFTWARE",
        "key": "Example",
        "kind": "registry-set",
        "text": "x",
    }
    (tmp_path / "plan.json").write_text(json.dumps([{**place, "name": "v"}, {**place, "name": "V"}]))
    assert (
        len(imgtools("apply", fixture_image("windows"), tmp_path / "plan.json", "--json").data["changes"])
        == 1
    )


def test_what_is_private_is_not_printed(tmp_path: Path) -> None:
    place = {"path": "/Windows/System32/config/SAM", "key": "SAM"}
    changes = [
        {**place, "kind": "registry-set", "name": "v", "text": "hunter2"},
        {**place, "kind": "registry-set", "path": "/Windows/System32/config/SOFTWARE", "name": "p", "text": "hunter2",
         "private": True},
    ]  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(changes))
    ran = imgtools("apply", fixture_image("windows"), tmp_path / "plan.json", "--json")
    assert len(ran.data["changes"]) == 2 and "hunter2" not in ran.out + ran.err
