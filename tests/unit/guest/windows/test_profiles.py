"""Profiles of users, and the programs of the machine and of each user."""

from __future__ import annotations

import pytest

from imgtools.files.tree import GuestTree
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.profiles import read_applications, read_profiles
from imgtools.guest.windows.registry import open_registry
from imgtools.records.packages import Application
from imgtools.records.system import Warned
from tests.support.hives import Keys, make_hive
from tests.support.windows import ALICE, PROFILES, SOFTWARE, windows_files

CONFIG = "/Windows/System32/config"
UNINSTALL = r"Microsoft\Windows\CurrentVersion\Uninstall"


def applications(files: GuestTree, arch: str = "x86_64") -> tuple[tuple[Application, ...], list[Warned]]:
    with open_registry(files, "/Windows") as registry:
        facts = RegistryFacts(registry)
        return read_applications(facts, arch), facts.warnings


def test_applications_of_both_views() -> None:
    hive = dict(SOFTWARE) | {
        rf"{UNINSTALL}\7-Zip": {
            "DisplayName": "7-Zip 23.01 (x64)",
            "DisplayVersion": "23.01",
            "InstallLocation": r"C:\Program Files\7-Zip",
            "Publisher": "Igor Pavlov",
            "URLInfoAbout": "https://7-zip.test/",
            "Comments": "packs",
        },
        rf"{UNINSTALL}\KB123": {"DisplayVersion": "1"},  # no name: Windows does not show it either
        rf"WOW6432Node\{UNINSTALL}\{{GUID}}": {"DisplayName": "Old", "EstimatedSize": 12},
    }
    (first, second), warnings = applications(windows_files(hive))
    assert (first.name, first.display_name, first.version) == ("7-Zip", "7-Zip 23.01 (x64)", "23.01")
    assert (first.install_path, first.publisher) == (r"C:\Program Files\7-Zip", "Igor Pavlov")
    assert (first.url, first.description, first.bits, first.user) == ("https://7-zip.test/", "packs", 64, "")
    assert (second.name, second.display_name, second.version, second.bits) == ("{GUID}", "Old", "", 32)
    assert warnings == []


@pytest.mark.parametrize(("arch", "bits"), [("i386", 32), ("aarch64", 64), ("unknown", 0)])
def test_the_one_view_of_a_windows_of_32_bits(arch: str, bits: int) -> None:
    (found,), _ = applications(
        windows_files(dict(SOFTWARE) | {rf"{UNINSTALL}\x": {"DisplayName": "X"}}), arch
    )
    assert found.bits == bits


def test_programs_that_users_installed_for_themselves() -> None:
    own: Keys = {rf"Software\{UNINSTALL}\Code": {"DisplayName": "Code", "DisplayVersion": "1.8"}}
    files = windows_files(more={"/Users/alice.NEW/NTUSER.DAT": make_hive(own, "NTUSER")})
    (found,), warnings = applications(files)
    assert (found.display_name, found.version, found.user, found.bits) == ("Code", "1.8", "alice.NEW", 0)
    assert warnings == []


def test_the_hive_of_one_user_costs_only_his_programs() -> None:
    hive = dict(SOFTWARE) | {rf"{UNINSTALL}\x": {"DisplayName": "X"}}
    found, warnings = applications(
        windows_files(hive, more={"/Users/alice.NEW/NTUSER.DAT": b"garbage" * 999})
    )
    assert [one.display_name for one in found] == ["X"]
    assert ["NTUSER.DAT" in one.text for one in warnings] == [True]


def test_applications_of_a_damaged_hive_are_named_as_missing() -> None:
    found, warnings = applications(windows_files(more={f"{CONFIG}/SOFTWARE": b"garbage" * 1000}))
    assert found == ()
    assert ["SOFTWARE" in one.text for one in warnings] == [True]


def test_profiles_with_their_last_use() -> None:
    times = {
        "LocalProfileLoadTimeHigh": 0x1DA6BF1, "LocalProfileLoadTimeLow": 0x83994000,
        "LocalProfileUnloadTimeHigh": 0, "LocalProfileUnloadTimeLow": 0,
    }  # fmt: skip
    path = {"ProfileImagePath": r"C:\Users\alice.NEW"}
    files = windows_files(
        dict(SOFTWARE) | {rf"{PROFILES}\{ALICE}": {**path, **times}, rf"{PROFILES}\empty": {}}
    )
    with open_registry(files, "/Windows") as registry:
        found = {one.sid: one for one in read_profiles(RegistryFacts(registry))}
    assert (found[ALICE].home, found[ALICE].present) == ("/Users/alice.NEW", True)
    assert found[ALICE].last_used == 1_709_308_800 * 10**9
    gone = found["S-1-5-21-9-9-9-1104"]
    assert (gone.home, gone.present, gone.last_used) == ("/Users/bob", False, None)
    assert "empty" not in found
