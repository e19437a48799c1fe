"""Packages, hotfixes, features, and what waits for a reboot."""

from __future__ import annotations

import pytest

from imgtools.guest.windows.updates import (
    pending_reboot,
    pending_updates,
    read_features,
    read_hotfixes,
    read_packages,
)
from imgtools.records.windows import Hotfix, WindowsFeature, WindowsPackage
from tests.support.hives import Keys
from tests.support.memory import Content
from tests.support.windows import windows_facts

SERVICING = r"Microsoft\Windows\CurrentVersion\Component Based Servicing"
PACKAGES = rf"{SERVICING}\Packages"
TAIL = "~31bf3856ad364e35~amd64~~19041.4046.1.8"


def packages(keys: Keys) -> tuple[WindowsPackage, ...]:
    with windows_facts({rf"{PACKAGES}\{name}": values for name, values in keys.items()}) as facts:
        return read_packages(facts)


def test_packages_with_their_updates() -> None:
    found = packages(
        {
            f"Package_for_KB5034763{TAIL}": {
                "CurrentState": 0x70, "InstallTimeHigh": 0x1DA6BF1, "InstallTimeLow": 0x83994000,
                "InstallClient": "WindowsUpdateAgent",
            },
            f"Package_for_RollupFix{TAIL}": {
                "CurrentState": 0x50, "InstallLocation": r"\\?\C:\x\Windows10.0-kb5033372-x64.cab",
            },
            f"Microsoft-Windows-Foundation-Package{TAIL}": {"CurrentState": 0x70},
            f"New{TAIL}": {"CurrentState": 0x99},
            "no package": {"x": 1},
            rf"Sub{TAIL}\Owners": {"x": 1},
        }
    )  # fmt: skip
    by_name = {one.name.partition("~")[0]: one for one in found}
    assert by_name["Package_for_KB5034763"] == WindowsPackage(
        f"Package_for_KB5034763{TAIL}", "installed", "KB5034763", 1_709_308_800 * 10**9, "WindowsUpdateAgent"
    )
    assert (by_name["Package_for_RollupFix"].kb, by_name["Package_for_RollupFix"].state) == (
        "KB5033372",
        "superseded",
    )
    assert by_name["Microsoft-Windows-Foundation-Package"].kb == ""
    assert by_name["New"].state == "0x99"
    assert len(by_name) == 4


MUM = (
    '<?xml version="1.0"?><assembly xmlns="urn:schemas-microsoft-com:asm.v3" description="Fix for {0}">'
    '<assemblyIdentity name="Package_for_RollupFix" version="19041.4046.1.8"/>'
    '<package identifier="{0}" applicabilityEvaluation="deep" releaseType="Security Update"></package></assembly>'
)


def manifests(files: dict[str, Content], packages: int = 1) -> tuple[list[str], list[str]]:
    """The numbers of updates of packages without one in their names, and the warnings."""
    keys: Keys = {
        rf"{PACKAGES}\Package_for_RollupFix~{number}": {"CurrentState": 0x70} for number in range(packages)
    }
    placed = {f"/Windows/servicing/Packages/{name}": content for name, content in files.items()}
    with windows_facts(keys, more=placed) as facts:
        found = [one.kb for one in read_packages(facts)]
        return found, [one.text for one in facts.warnings]


def test_a_cumulative_update_has_its_number_in_the_manifest() -> None:
    assert manifests({"Package_for_RollupFix~0.mum": MUM.format("KB5034763")}) == (["KB5034763"], [])
    assert manifests({"package_for_rollupfix~0.MUM": MUM.format("kb5034763")}) == (["KB5034763"], [])
    assert manifests({}) == ([""], [])


@pytest.mark.parametrize("text", ["", MUM.format("RollupFix"), "x" * (16 << 10) + MUM.format("KB5034763")])
def test_a_manifest_that_does_not_say_it_at_its_beginning_says_nothing(text: str) -> None:
    assert manifests({"Package_for_RollupFix~0.mum": text}) == ([""], [])


def test_of_too_many_manifests_some_are_not_read_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.guest.windows.updates.MOST_MANIFESTS", 2)
    files: dict[str, Content] = {
        f"Package_for_RollupFix~{number}.mum": MUM.format("KB5034763") for number in range(3)
    }
    found, warnings = manifests(files, 3)
    assert found == ["KB5034763", "KB5034763", ""]
    assert len(warnings) == 1


def test_a_hotfix_is_as_far_as_its_furthest_package() -> None:
    there = [
        WindowsPackage("a", "superseded", "KB2"),
        WindowsPackage("b", "installed", "KB2", 7),
        WindowsPackage("c", "staged", "KB2", 9),
        WindowsPackage("d", "install-pending", "KB1"),
        WindowsPackage("e", "installed"),
    ]
    with windows_facts() as facts:
        found = read_hotfixes(facts, there)
    assert found == (Hotfix("KB1", "install-pending"), Hotfix("KB2", "installed", 7))


def test_updates_of_a_windows_that_has_no_packages() -> None:
    place = r"Microsoft\Windows NT\CurrentVersion\HotFix"
    keys: Keys = {
        rf"{place}\KB917953": {"Installed": 1},
        rf"{place}\kb888111": {"Installed": 0},
        rf"{place}\Q147222": {},
    }
    with windows_facts(keys) as facts:
        assert read_hotfixes(facts, ()) == (Hotfix("KB917953", "installed"),)


@pytest.mark.parametrize(
    ("state", "pending"),
    [(0x60, True), (0x05, True), (0x30, True), (0x70, False), (0x40, False), (0x50, False), (0x00, False)],
)
def test_packages_on_their_way(state: int, pending: bool) -> None:
    assert bool(pending_updates(packages({"x": {"CurrentState": state}}))) is pending


def test_features_of_a_client_and_of_a_server() -> None:
    keys: Keys = {
        rf"{SERVICING}\Notifications\OptionalFeatures\TelnetClient": {"Selection": 1},
        rf"{SERVICING}\Notifications\OptionalFeatures\NetFx3": {"Selection": 0},
        rf"{SERVICING}\Notifications\OptionalFeatures\unsaid": {},
        r"Microsoft\ServerManager\ServicingStorage\ServerComponentCache\Web-Server": {
            "InstallState": 1,
            "DisplayName": "Web Server (IIS)",
        },
        r"Microsoft\ServerManager\ServicingStorage\ServerComponentCache\RDS-RD-Server": {"InstallState": 0},
    }
    with windows_facts(keys) as facts:
        found = read_features(facts)
    assert found == (
        WindowsFeature("NetFx3", False, "optional-feature"),
        WindowsFeature("TelnetClient", True, "optional-feature"),
        WindowsFeature("RDS-RD-Server", False, "server-component"),
        WindowsFeature("Web-Server", True, "server-component", "Web Server (IIS)"),
    )


SESSION = r"ControlSet002\Control\Session Manager"


@pytest.mark.parametrize(
    ("software", "system", "files", "reasons"),
    [
        ({}, {}, {}, ()),
        ({rf"{SERVICING}\RebootPending": {}}, {}, {}, ("component-servicing",)),
        ({rf"{SERVICING}\PackagesPending": {}}, {}, {}, ("component-servicing",)),
        (
            {r"Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired": {}},
            {},
            {},
            ("windows-update",),
        ),
        # The first name is what to delete: the second, to which it would be renamed, is empty.
        (
            {},
            {SESSION: {"PendingFileRenameOperations": (7, "\\??\\C:\\x\0\0\0".encode("utf-16-le"))}},
            {},
            ("file-renames",),
        ),
        ({}, {SESSION: {"PendingFileRenameOperations": (7, b"\0\0\0\0")}}, {}, ()),
        ({}, {}, {"/Windows/WinSxS/pending.xml": "<x/>"}, ("servicing-transaction",)),
        ({}, {"Setup": {"SystemSetupInProgress": 0, "SetupType": 0}}, {}, ()),
        ({}, {"Setup": {"SystemSetupInProgress": 1}}, {}, ("setup",)),
        ({}, {r"ControlSet002\Services\Netlogon": {"JoinDomain": 1}}, {}, ("domain-join",)),
    ],
)
def test_reasons_for_a_reboot(
    software: Keys, system: Keys, files: dict[str, Content], reasons: tuple[str, ...]
) -> None:
    with windows_facts(software, system, files) as facts:
        assert pending_reboot(facts) == reasons
        assert facts.warnings == []
