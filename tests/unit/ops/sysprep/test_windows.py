"""The operations for Windows guests: what each finds, and that it finds nothing in a guest that has nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from imgtools.change.change import (
    Move,
    RegistryChange,
    RegistryMakeKey,
    RegistryRemoveKey,
    RegistrySet,
    Remove,
    WriteFile,
)
from imgtools.change.compose import compose
from imgtools.change.describe import summarise
from imgtools.guest.guest import Guest
from imgtools.ops.operation import NoParams, load_shelf
from imgtools.ops.selection import Chosen
from imgtools.ops.shelf_plan import all_changes, plan_operations
from imgtools.records.disks import Holder, Mount, Volume
from imgtools.records.system import OsInfo, OsType
from tests.support.hives import Keys, make_hive, new_log, with_sequences
from tests.support.memory import Content, directory, memory_files
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

pytestmark = pytest.mark.host

SHELF = {n: one for n, one in load_shelf("imgtools.ops.sysprep").items() if n.startswith("windows-")}
CONFIG = "/Windows/System32/config"
ALICE = "/Users/alice.NEW"
LOCAL, ROAMING = f"{ALICE}/AppData/Local", f"{ALICE}/AppData/Roaming"
SETUP = r"Microsoft\Windows\CurrentVersion\Setup\State"
HKLM_SOFTWARE, HKLM_SYSTEM = r"HKEY_LOCAL_MACHINE\SOFTWARE", r"HKEY_LOCAL_MACHINE\SYSTEM"
TCPIP = r"ControlSet002\Services\Tcpip\Parameters"
CARD = rf"{TCPIP}\Interfaces\{{1}}"
ANSWERS = "<unattend><AdministratorPassword>x</AdministratorPassword></unattend>"


def guest_of(
    files: Mapping[str, Content] | None = None, software: Keys | None = None, system: Keys | None = None
) -> Guest:
    tree = windows_tree({**SOFTWARE, **(software or {})}, {**SYSTEM, **(system or {})}, more=files)
    root = Volume("/dev/sda2", Holder.PARTITION, 1 << 30, "ntfs")
    os = OsInfo(OsType.WINDOWS, "windows", ("windows",), arch="x86_64", windows_systemroot="/Windows")
    return Guest(root, os, (Mount("/", root),), memory_files(tree))


def planned(name: str, guest: Guest) -> list[str]:
    """What an operation would do, in the words in which it is shown, sorted; it has to settle."""
    operation = SHELF[name].operation
    changes = tuple(operation.plan(guest, operation.params()))
    compose(changes, guest.files)
    return sorted(
        summarise(change).partition(" (")[0] for change in changes if not isinstance(change, RegistryChange)
    ) + sorted(summarise(change) for change in changes if isinstance(change, RegistryChange))


FILES: dict[str, tuple[Mapping[str, Content], list[str]]] = {
    "windows-event-logs": (
        {f"/Windows/System32/winevt/Logs/{name}": "x" for name in ("System.evtx", "a.txt")}
        | {"/Windows/System32/LogFiles/Firewall/pfirewall.log": "x"},
        ["/Windows/System32/LogFiles/Firewall/pfirewall.log", "/Windows/System32/winevt/Logs/System.evtx"],
    ),
    "windows-setup-logs": (
        {
            "/Windows/Panther/setupact.log": "x",
            "/Windows/Panther/unattend.xml": "x",
            "/Windows/Logs/CBS/CBS.log": "x",
            "/Windows/inf/setupapi.dev.log": "x",
            "/Windows/inf/oem1.inf": "x",
            "/Windows/PFRO.log": "x",
            "/ProgramData/imgtools/firstboot/0001-a.cmd.log": "x",
            "/ProgramData/imgtools/firstboot/0001-a.cmd.exit": "0",
            "/ProgramData/imgtools/firstboot/scripts/0002-b.cmd": "x",
        },
        [
            "/ProgramData/imgtools/firstboot/0001-a.cmd.exit",
            "/ProgramData/imgtools/firstboot/0001-a.cmd.log",
            "/Windows/Logs/CBS/CBS.log",
            "/Windows/PFRO.log",
            "/Windows/Panther/setupact.log",
            "/Windows/inf/setupapi.dev.log",
        ],
    ),
    "windows-prefetch": ({"/Windows/Prefetch/CMD.EXE-1.pf": "x"}, ["everything in /Windows/Prefetch"]),
    "windows-crash-data": (
        {
            "/Windows/MEMORY.DMP": "x",
            "/Windows/Minidump/a.dmp": "x",
            "/ProgramData/Microsoft/Windows/WER/ReportQueue/r/a.wer": "x",
            f"{LOCAL}/CrashDumps/a.dmp": "x",
        },
        [
            "/Windows/MEMORY.DMP",
            "/Windows/Minidump/a.dmp",
            "everything in /ProgramData/Microsoft/Windows/WER/ReportQueue",
            f"{LOCAL}/CrashDumps/a.dmp",
        ],
    ),
    "windows-temp-files": (
        {"/Windows/Temp/a/b": "x", f"{LOCAL}/Temp/c": "x", f"{LOCAL}/Temporary": "x"},
        [f"{LOCAL}/Temp/c", "everything in /Windows/Temp"],
    ),
    "windows-recycle-bin": ({"/$Recycle.Bin/S-1-5-21/$R1.txt": "x"}, ["everything in /$Recycle.Bin"]),
    "windows-update-files": (
        {"/Windows/SoftwareDistribution/Download/a": "x", "/Windows/SoftwareDistribution/other": "x"},
        ["everything in /Windows/SoftwareDistribution/Download"],
    ),
    "windows-browser-data": (
        {
            f"{LOCAL}/Microsoft/Windows/Explorer/thumbcache_96.db": "x",
            f"{LOCAL}/Google/Chrome/User Data/Default/Cache/a": "x",
            f"{LOCAL}/Google/Chrome/User Data/Default/Bookmarks": "x",
        },
        [
            f"{LOCAL}/Google/Chrome/User Data/Default/Cache and all below it",
            f"{LOCAL}/Microsoft/Windows/Explorer/thumbcache_96.db",
        ],
    ),
    "windows-credentials": (
        {f"{ROAMING}/Microsoft/Credentials/1F": "x", f"{ROAMING}/Microsoft/Protect/S-1/key": "x"},
        [f"{ROAMING}/Microsoft/Credentials/1F"],
    ),
    "windows-wifi-keys": (
        {"/ProgramData/Microsoft/Wlansvc/Profiles/Interfaces/{1}/{2}.xml": "x"},
        ["/ProgramData/Microsoft/Wlansvc/Profiles/Interfaces/{1}/{2}.xml"],
    ),
    "windows-paging-files": (
        {"/pagefile.sys": "x", "/hiberfil.sys": "x", "/other.sys": "x"},
        ["/hiberfil.sys", "/pagefile.sys"],
    ),
    "windows-histories": (
        {f"{ROAMING}/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt": "x"},
        [f"{ROAMING}/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt"],
    ),
    "windows-answers": (
        {"/Windows/Panther/unattend.xml": ANSWERS, "/Windows/System32/Sysprep/a.xml": "<unattend/>"},
        ["/Windows/Panther/unattend.xml"],
    ),
    "windows-agents": (
        {"/ProgramData/PuppetLabs/puppet/etc/ssl/certs/a.pem": "x", "/chef/client.pem": "x", "/chef/a": "x"},
        ["/chef/client.pem", "everything in /ProgramData/PuppetLabs/puppet/etc/ssl"],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    files, expected = FILES[name]
    found = planned(name, guest_of(files))
    assert [line.removesuffix(" and all below it") for line in found] == [
        f"remove {one.removesuffix(' and all below it')}" for one in sorted(expected)
    ]
    assert planned(name, guest_of()) == []


REGISTRY: dict[str, tuple[Keys, Keys, list[str]]] = {
    "windows-update-ids": (
        {r"Microsoft\Windows\CurrentVersion\WindowsUpdate": {"susclientid": "x", "Other": "y"}},
        {},
        [rf"remove susclientid of {HKLM_SOFTWARE}\Microsoft\Windows\CurrentVersion\WindowsUpdate"],
    ),
    "windows-telemetry-ids": (
        {r"Microsoft\SQMClient": {"MachineId": "x"}},
        {},
        [rf"remove MachineId of {HKLM_SOFTWARE}\Microsoft\SQMClient"],
    ),
    "windows-autologon": (
        {r"Microsoft\Windows NT\CurrentVersion\Winlogon": {"DefaultPassword": "x", "Shell": "explorer.exe"}},
        {},
        [rf"remove DefaultPassword of {HKLM_SOFTWARE}\Microsoft\Windows NT\CurrentVersion\Winlogon"],
    ),
    "windows-network-profiles": (
        {r"Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles\{1}": {"ProfileName": "home"}},
        {},
        [
            (
                rf"remove {HKLM_SOFTWARE}\Microsoft\Windows NT\CurrentVersion\NetworkList\Profiles\{{1}}"
                " and all below it"
            )
        ],
    ),
    "windows-rdp-certificate": (
        {r"Microsoft\SystemCertificates\Remote Desktop\Certificates\AB": {"Blob": b"x"}},
        {r"ControlSet002\Control\Terminal Server\WinStations\RDP-Tcp": {"SSLCertificateSHA1Hash": b"x"}},
        [
            (
                rf"remove {HKLM_SOFTWARE}\Microsoft\SystemCertificates\Remote Desktop\Certificates\AB"
                " and all below it"
            ),
            (
                rf"remove SSLCertificateSHA1Hash of {HKLM_SYSTEM}"
                r"\ControlSet002\Control\Terminal Server\WinStations\RDP-Tcp"
            ),
        ],
    ),
    "windows-drive-letters": (
        {},
        {"MountedDevices": {r"\DosDevices\C:": b"x"}},
        [rf"remove \DosDevices\C: of {HKLM_SYSTEM}\MountedDevices"],
    ),
    "windows-network": (
        {},
        {
            CARD: {
                "EnableDHCP": 0,
                "IPAddress": ["192.0.2.1"],
                "DhcpIPAddress": "192.0.2.2",
                "Lease": 3600,
                "UseZeroBroadcast": 0,
            }
        },
        [
            rf"remove DhcpIPAddress of {HKLM_SYSTEM}\{CARD}",
            rf"remove IPAddress of {HKLM_SYSTEM}\{CARD}",
            rf"remove Lease of {HKLM_SYSTEM}\{CARD}",
            rf"set EnableDHCP of {HKLM_SYSTEM}\{CARD}",
        ],
    ),
}


@pytest.mark.parametrize("name", REGISTRY)
def test_registry(name: str) -> None:
    software, system, expected = REGISTRY[name]
    assert planned(name, guest_of(software=software, system=system)) == sorted(expected)
    assert planned(name, guest_of()) == []


def test_what_a_user_has_typed() -> None:
    key = r"Software\Microsoft\Windows\CurrentVersion\Explorer\RunMRU"
    hive = make_hive({key: {"a": "cmd\\1"}}, "NTUSER")
    found = planned("windows-histories", guest_of({f"{ALICE}/NTUSER.DAT": hive}))
    assert found == [rf"remove HKEY_USERS\alice.NEW\{key} and all below it"]


CRYPTO = "/ProgramData/Microsoft/Crypto"
GUID = "0a1b2c3d-0000-4000-8000-000000000000"


def test_a_machine_guid_is_new_each_time() -> None:
    guest = guest_of(software={r"Microsoft\Cryptography": {"MachineGuid": "old"}})
    operation = SHELF["windows-machine-guid"].operation
    first, second = (list(operation.plan(guest, operation.params())) for _ in range(2))
    (one,), (other,) = first, second
    assert isinstance(one, RegistrySet) and isinstance(other, RegistrySet) and one.text != other.text
    assert operation.repeats and planned("windows-machine-guid", guest_of()) == []


def test_key_files_are_named_by_the_new_machine_guid() -> None:
    """Else the machine has lost its private keys: those of its web server, of its certificates."""
    named: dict[str, Content] = {
        f"{CRYPTO}/RSA/MachineKeys/76944fb3_{GUID.upper()}": "iis",
        f"{CRYPTO}/RSA/S-1-5-18/aa_{GUID}": "system",
        f"{CRYPTO}/Keys/bb_{GUID}": "cng",
        f"{ROAMING}/Microsoft/Crypto/RSA/S-1-5-21-1-2-3-1001/cc_{GUID}": "alice",
    }
    others: dict[str, Content] = {f"{CRYPTO}/RSA/MachineKeys/dd_other": "x", f"{CRYPTO}/Keys/{GUID}x": "x"}
    guest = guest_of({**named, **others}, {r"Microsoft\Cryptography": {"MachineGuid": GUID}})
    operation = SHELF["windows-machine-guid"].operation
    value, *moves = operation.plan(guest, operation.params())
    assert isinstance(value, RegistrySet) and value.text not in (None, GUID)
    assert {one.path: one.to for one in moves if isinstance(one, Move)} == {
        path: f"{path[: -len(GUID)]}{value.text}" for path in named
    }
    compose((value, *moves), guest.files)


def test_the_key_of_remote_desktop_goes_and_is_not_renamed() -> None:
    key = f"{CRYPTO}/RSA/MachineKeys/f686aace6942fb7f7ceb231212eef4a4_{GUID}"
    guest = guest_of({key: "rdp"}, {r"Microsoft\Cryptography": {"MachineGuid": GUID}})
    chosen = [
        Chosen(SHELF[name], NoParams(), False) for name in ("windows-machine-guid", "windows-rdp-certificate")
    ]
    changes = all_changes(plan_operations(guest, chosen))
    assert [type(one) for one in changes if getattr(one, "path", "") == key] == [Remove]


def test_identities_of_the_transaction_coordinator_have_new_names() -> None:
    cid = r"Classes\CID"
    guest = guest_of(
        software={
            rf"{cid}\{GUID}\Description": {"": "MSDTC"},
            rf"{cid}\{GUID}\CustomProperties\Log\Path": {"": "C:\\x", "Odd": b"\1\2"},
            rf"{cid}\{{{GUID}}}\Description": {"": "MSDTCUIS"},
            rf"{cid}\other\Description": {"": "Somebody else"},
            rf"{cid}.Local\none": {},
        }
    )
    operation = SHELF["windows-transaction-id"].operation
    changes = list(operation.plan(guest, operation.params()))
    gone = [one.key for one in changes if isinstance(one, RegistryRemoveKey)]
    assert sorted(gone) == [rf"{cid}\{GUID}", rf"{cid}\{{{GUID}}}"]
    made = {one.key.split("\\")[2] for one in changes if isinstance(one, RegistryMakeKey)}
    assert (
        len(made) == 2 and not made & {GUID, f"{{{GUID}}}"} and sum(one.startswith("{") for one in made) == 1
    )
    values = {
        (*one.key.split("\\")[3:], one.name): one.data for one in changes if isinstance(one, RegistrySet)
    }
    assert values["CustomProperties", "Log", "Path", "Odd"] == b"\1\2" and ("Description", "") in values
    assert operation.repeats and planned("windows-transaction-id", guest_of()) == []


STORE = "{0a1b2c3d-0000-11ee-8000-000000000000}{3808876b-c176-4e48-b7ae-04046e6cc752}"
SCRIPT = "/ProgramData/imgtools/firstboot/scripts/0001-shadow-copies.cmd"


@pytest.mark.parametrize("folder", ["/System Volume Information", "/D:/System Volume Information"])
def test_shadow_copies_of_any_drive_are_deleted_at_the_next_boot(folder: str) -> None:
    guest = replace(guest_of({f"{folder}/{STORE}": "x"}), drives=(("C", "/dev/sda2"), ("D", "/dev/sda3")))
    operation = SHELF["windows-shadow-copies"].operation
    written = {
        one.path: one.content for one in operation.plan(guest, NoParams()) if isinstance(one, WriteFile)
    }
    assert b'vssadmin.exe" delete shadows /all /quiet\r\n' in written[SCRIPT]
    assert not operation.default


def test_who_has_no_shadow_copies_gets_no_script_and_none_twice() -> None:
    assert planned("windows-shadow-copies", guest_of({"/System Volume Information/tracking.log": "x"})) == []
    guest = guest_of({f"/System Volume Information/{STORE}": "x"})
    operation = SHELF["windows-shadow-copies"].operation
    written = {
        one.path: one.content for one in operation.plan(guest, NoParams()) if isinstance(one, WriteFile)
    }
    waiting = guest_of({f"/System Volume Information/{STORE}": "x", SCRIPT: written[SCRIPT]})
    assert planned("windows-shadow-copies", waiting) == []


@pytest.mark.parametrize(("build", "missing"), [("19040", True), ("19041", False), ("", True), ("x", True)])
def test_absent_network_cards_are_removed_where_windows_can(build: str, missing: bool) -> None:
    guest = guest_of()
    guest = replace(guest, os=replace(guest.os, build_id=build))
    operation = SHELF["windows-network-cards"].operation
    assert bool(operation.lacking(guest)) is missing and not operation.default
    (script,) = (
        one.content
        for one in operation.plan(guest, NoParams())
        if isinstance(one, WriteFile) and one.path.endswith("/0001-network-cards.ps1")
    )
    assert b"/remove-device $card.InstanceId" in script


def test_answers_that_setup_has_not_read_yet_stay() -> None:
    waiting = {SETUP: {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"}}
    assert planned("windows-answers", guest_of({"/Windows/Panther/unattend.xml": ANSWERS}, waiting)) == []


def test_logs_of_a_registry_that_was_not_closed_are_applied() -> None:
    before, after = make_hive(SOFTWARE, "SOFTWARE"), make_hive({**SOFTWARE, "New": {}}, "SOFTWARE")
    files: dict[str, Content] = {
        f"{CONFIG}/SOFTWARE": with_sequences(before, 8, 7),
        f"{CONFIG}/SOFTWARE.LOG1": new_log(before, after, 7),
    }
    assert planned("windows-registry-logs", guest_of(files)) == [
        f"apply the transaction log of {CONFIG}/SOFTWARE"
    ]
    assert planned("windows-registry-logs", guest_of()) == []


def test_old_names_of_folders_are_passed_over() -> None:
    """They are junctions: what is below them is found by its own name."""
    found = planned("windows-temp-files", guest_of({"/Users/alice.NEW/AppData/Local/Temp": directory()}))
    assert found == []


def test_every_operation_is_for_windows_alone() -> None:
    alone = {
        "network-cards",
        "machine-guid",
        "transaction-id",
        "registry-logs",
        "shadow-copies",
    }  # each with tests of its own
    assert set(SHELF) == {*FILES, *REGISTRY, *(f"windows-{name}" for name in alone)}
    assert all(one.operation.families.types == {OsType.WINDOWS} for one in SHELF.values())
