r"""Names of registry keys, the hives they are in, and what is said when they are not there."""

from __future__ import annotations

import pytest

from imgtools.errors import NoSuchGuestFile, NoSuchRegistryKey, OddGuest, UsageError
from imgtools.files.tree import GuestTree
from imgtools.guest.windows.registry import HivePlace, open_registry
from tests.support.hives import make_hive, new_log, with_sequences
from tests.support.windows import ALICE, PROFILES, SOFTWARE, SYSTEM, windows_files

CONFIG = "/Windows/System32/config"


@pytest.fixture(scope="module")
def files() -> GuestTree:
    return windows_files(
        more={
            "/Boot/BCD": make_hive({"Description": {"System": 1}}, "BCD"),
            "/Users/bob/ntuser.dat": make_hive({}, "NTUSER"),
            "/Users/bob/AppData/Local/Microsoft/Windows/UsrClass.dat": make_hive({"Local Settings": {}}, "x"),
        }
    )


def place(files: GuestTree, name: str) -> HivePlace:
    with open_registry(files, "/Windows") as registry:
        return registry.place(name)


@pytest.mark.parametrize(
    ("name", "full", "path", "key"),
    [
        (r"HKLM\SOFTWARE\Microsoft", r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft", f"{CONFIG}/SOFTWARE", "Microsoft"),
        (r"hkey_local_machine\software", r"HKEY_LOCAL_MACHINE\SOFTWARE", f"{CONFIG}/SOFTWARE", ""),
        (r"Computer\HKEY_LOCAL_MACHINE\SYSTEM", r"HKEY_LOCAL_MACHINE\SYSTEM", f"{CONFIG}/SYSTEM", ""),
        (r"HKLM:\SYSTEM\Select\\", r"HKEY_LOCAL_MACHINE\SYSTEM\Select", f"{CONFIG}/SYSTEM", "Select"),
        ("HKLM/SYSTEM/Select", r"HKEY_LOCAL_MACHINE\SYSTEM\Select", f"{CONFIG}/SYSTEM", "Select"),
        # Select\Current is 2.
        (r"HKLM\SYSTEM\currentcontrolset\Services", r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Services",
         f"{CONFIG}/SYSTEM", r"ControlSet002\Services"),
        (r"HKCR\.txt", r"HKEY_LOCAL_MACHINE\SOFTWARE\Classes\.txt", f"{CONFIG}/SOFTWARE", r"Classes\.txt"),
        (r"HKLM\BCD00000000\Objects", r"HKEY_LOCAL_MACHINE\BCD00000000\Objects", "/Boot/BCD", "Objects"),
        (r"HKU\.DEFAULT\Environment", r"HKEY_USERS\.DEFAULT\Environment", f"{CONFIG}/DEFAULT", "Environment"),
        (r"HKU\S-1-5-18", r"HKEY_USERS\.DEFAULT", f"{CONFIG}/DEFAULT", ""),
        (r"HKU\LocalSystem", r"HKEY_USERS\.DEFAULT", f"{CONFIG}/DEFAULT", ""),
        (rf"HKU\{ALICE}\A", rf"HKEY_USERS\{ALICE}\A", "/Users/alice.NEW/NTUSER.DAT", "A"),
        (r"HKU\alice.new\A", rf"HKEY_USERS\{ALICE}\A", "/Users/alice.NEW/NTUSER.DAT", "A"),
        (r"HKU\bob", r"HKEY_USERS\S-1-5-21-9-9-9-1104", "/Users/bob/ntuser.dat", ""),
        (r"HKU\bob_Classes\x", r"HKEY_USERS\S-1-5-21-9-9-9-1104_Classes\x",
         "/Users/bob/AppData/Local/Microsoft/Windows/UsrClass.dat", "x"),
        # A folder that no profile knows.
        (r"HKU\carol", r"HKEY_USERS\carol", "/Users/carol/ntuser.dat", ""),
    ],
)  # fmt: skip
def test_where_a_key_is_kept(files: GuestTree, name: str, full: str, path: str, key: str) -> None:
    found = place(files, name)
    assert (found.name, found.path, found.key) == (full, path, key)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "not the name of a registry key: ''"),
        ("SOFTWARE\\Microsoft", "not the name of a registry key"),
        (r"HKLM", "HKEY_LOCAL_MACHINE is no key of one hive"),
        (r"HKCU\Software", "HKEY_CURRENT_USER is made while a user is logged on"),
        (r"HKLM\HARDWARE\x", r"no hive holds HKEY_LOCAL_MACHINE\\HARDWARE"),
    ],
)
def test_names_that_no_hive_holds(files: GuestTree, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        place(files, name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "name", [r"HKLM\SAM", r"HKU\mallory", r"HKU\..", r"HKU\a/b", r"HKU\S-1-5-21-9-9-9-7"]
)
def test_hives_that_are_not_there(files: GuestTree, name: str) -> None:
    with pytest.raises(NoSuchGuestFile):
        place(files, name)


def test_a_missing_key_names_what_is_there(files: GuestTree) -> None:
    with open_registry(files, "/Windows") as registry:
        with pytest.raises(
            NoSuchRegistryKey, match=r"HKEY_LOCAL_MACHINE\\SOFTWARE\\microsoft\\Windoze\\x"
        ) as caught:
            registry.require(r"HKLM\SOFTWARE\microsoft\Windoze\x")
        assert caught.value.hint == r"there is HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft"
        assert registry.find(r"HKLM\SOFTWARE\microsoft\Windoze\x") is None
        assert registry.find(r"HKLM\SECURITY\Policy") is None


def test_facts_come_from_the_control_set_that_boots(files: GuestTree) -> None:
    with open_registry(files, "/Windows") as registry:
        key = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
        assert registry.text(key, "hostname") == "desk-42"
        assert registry.text(key, "no such value") == ""
        assert registry.number(r"HKLM\SYSTEM\Select", "Default") == 1


def test_all_hives_of_the_guest(files: GuestTree) -> None:
    with open_registry(files, "/Windows") as registry:
        assert [(place.prefix.rpartition("\\")[2], place.path) for place in registry.hives()] == [
            ("SOFTWARE", f"{CONFIG}/SOFTWARE"),
            ("SYSTEM", f"{CONFIG}/SYSTEM"),
            ("BCD00000000", "/Boot/BCD"),
            (".DEFAULT", f"{CONFIG}/DEFAULT"),
            (ALICE, "/Users/alice.NEW/NTUSER.DAT"),
            ("S-1-5-21-9-9-9-1104", "/Users/bob/ntuser.dat"),
            ("S-1-5-21-9-9-9-1104_Classes", "/Users/bob/AppData/Local/Microsoft/Windows/UsrClass.dat"),
        ]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"%SystemRoot%\System32\x", "/Windows/System32/x"),
        (r"\SystemRoot\System32\x", "/Windows/System32/x"),
        (r"%SystemDrive%\Users\x", "/Users/x"),
        (r"C:\Users\x", "/Users/x"),
        (r"\??\C:\x\y", "/x/y"),
        (r"C:/Users/x/", "/Users/x"),
    ],
)
def test_paths_in_the_registry(files: GuestTree, text: str, path: str) -> None:
    with open_registry(files, "/Windows") as registry:
        assert registry.guest_path(text) == path


# -- hives in a bad state -----------------------------------------------------------------------------------------


def test_a_dirty_hive_is_completed_from_its_log_and_warned_about() -> None:
    before, after = make_hive({"Select": {"Current": 1}}), make_hive({"Select": {"Current": 3}})
    files = windows_files(
        more={
            f"{CONFIG}/SYSTEM": with_sequences(before, 6, 5),
            f"{CONFIG}/SYSTEM.LOG1": new_log(before, after, 5),
        }
    )
    with open_registry(files, "/Windows") as registry:
        assert registry.control_set == "ControlSet003"
        (warning,) = registry.warnings
        assert warning.path == f"{CONFIG}/SYSTEM"
        assert "1 log records were applied" in warning.text


def test_a_dirty_hive_without_a_log_is_warned_about() -> None:
    files = windows_files(more={f"{CONFIG}/SYSTEM": with_sequences(make_hive(SYSTEM), 6, 5)})
    with open_registry(files, "/Windows") as registry:
        assert registry.control_set == "ControlSet002"
        assert "may be out of date" in registry.warnings[0].text


def test_a_damaged_hive_is_an_error_that_names_it_every_time() -> None:
    files = windows_files(more={f"{CONFIG}/SYSTEM": b"regf" + bytes(8192)})
    with open_registry(files, "/Windows") as registry:
        for _ in range(2):
            with pytest.raises(OddGuest, match=f"{CONFIG}/SYSTEM"):
                registry.find(r"HKLM\SYSTEM\Select")
        # Another hive is not concerned.
        assert registry.find(r"HKLM\SOFTWARE\Microsoft") is not None


def test_profiles_outside_the_guest_stay_inside() -> None:
    software = dict(SOFTWARE) | {rf"{PROFILES}\S-1-5-21-6": {"ProfileImagePath": r"C:\..\..\etc"}}
    with open_registry(windows_files(software), "/Windows") as registry, pytest.raises(NoSuchGuestFile):
        registry.place(r"HKU\S-1-5-21-6")
