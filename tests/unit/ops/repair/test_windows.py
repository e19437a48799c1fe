"""The repairs of services, accounts, hives and files: a guest that needs each, and one on which it does nothing."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from imgtools.change.change import DiscardHibernation, RegistrySet
from imgtools.change.compose import compose
from imgtools.errors import EditFailed, NotInGuest, OddGuest, UnsupportedGuest, UsageError, WouldLoseData
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import open_registry
from imgtools.ops.operation import WINDOWS, make_params
from tests.support import accounts
from tests.support.hives import Data, Keys, make_hive
from tests.support.memory import Content
from tests.support.repairs import (
    CONFIG,
    DISKS,
    DRIVERS,
    FIREWALL,
    SAM,
    SERVICES,
    SHELF,
    SYSTEM,
    mended,
    planned,
    server,
)
from tests.support.windows import SOFTWARE

pytestmark = pytest.mark.host

HKLM_SYSTEM, HKLM_SOFTWARE = r"HKEY_LOCAL_MACHINE\SYSTEM", r"HKEY_LOCAL_MACHINE\SOFTWARE"
USERS = r"HKLM\SAM\SAM\Domains\Account\Users"
SERVICING = r"Microsoft\Windows\CurrentVersion\Component Based Servicing"


def number(guest: Guest, key: str, name: str) -> int | None:
    with open_registry(guest.files, "/Windows") as registry:
        return registry.number(rf"HKLM\{key}", name)


def texts(guest: Guest, key: str, name: str) -> tuple[str, ...] | None:
    with open_registry(guest.files, "/Windows") as registry:
        found = registry.find(rf"HKLM\{key}")
        value = found.value(name) if found is not None else None
        return value.texts if value is not None else None


# -- what nobody needs -----------------------------------------------------------------------------------------


OF_WINDOWS = {name: one for name, one in SHELF.items() if one.operation.families is WINDOWS}


@pytest.mark.parametrize("name", [name for name, one in OF_WINDOWS.items() if one.operation.default])
def test_a_healthy_guest_needs_nothing_that_is_asked_by_itself(name: str) -> None:
    assert SHELF[name].operation.lacking(server()) in ("", "no whole control set of a good boot")
    assert tuple(SHELF[name].operation.plan(server(), make_params(SHELF[name], {}))) == ()


def test_what_is_asked_by_itself() -> None:
    """What changes how a sound guest works is somebody's choice."""
    asked = {name for name, one in OF_WINDOWS.items() if one.operation.default}
    assert asked == {
        "windows-boot-devices",
        "windows-boot-files",
        "windows-device-filters",
        "windows-dhcp-service",
        "windows-hive-backup",
        "windows-last-known-good",
    }


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("windows-service", {"start": "auto"}, "the parameter name is missing"),
        ("windows-service", {"name": "a"}, "the parameter start is missing"),
        ("windows-service", {"name": "a", "start": "4"}, "no such start type"),
        ("windows-password", {}, "the parameter user is missing"),
        ("windows-account-unlock", {}, "the parameter user is missing"),
        ("windows-driver-file", {}, "the parameter file is missing"),
        ("windows-driver-file", {"file": "/Users/*"}, "not a driver's file"),
        ("windows-hive-backup", {"hives": "NTUSER"}, "no such hive"),
        ("windows-old-hypervisor", {"of": "kvm"}, "no such hypervisor"),
        ("windows-check-disk", {"drive": "CD"}, "not the letter of a drive"),
        ("windows-check-disk", {"drives": "C"}, "it has: drive, bad_sectors"),
    ],
)
def test_parameters_that_make_no_sense(name: str, settings: Mapping[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_params(SHELF[name], settings)
    assert said in f"{caught.value.message} {caught.value.hint}"


# -- services --------------------------------------------------------------------------------------------------


def test_services_start_as_they_are_told() -> None:
    lines, guest = mended("windows-service", server(), name="storahci,dhcp", start="disabled")
    assert lines == [rf"set Start of {HKLM_SYSTEM}\{SERVICES}\{one}" for one in ("Dhcp", "storahci")]
    assert number(guest, rf"SYSTEM\{SERVICES}\storahci", "Start") == 4


def test_only_drivers_start_at_boot() -> None:
    with pytest.raises(UsageError, match="Dhcp is no driver"):
        planned("windows-service", server(), name="Dhcp", start="boot")


def test_a_service_that_is_not_there() -> None:
    for name in ("storahcl", r"Tcpip\Parameters"):
        with pytest.raises(NotInGuest, match="no service"):
            planned("windows-service", server(), name=name, start="auto")
    with pytest.raises(NotInGuest) as caught:
        planned("windows-service", server(), name="storahcl", start="auto")
    assert caught.value.hint == "did you mean storahci?"


DHCP, CARD = rf"{SERVICES}\Dhcp", rf"{SERVICES}\Tcpip\Parameters\Interfaces\{{1}}"


def test_the_dhcp_client_starts_where_a_card_needs_it() -> None:
    lines, guest = mended("windows-dhcp-service", server(system={DHCP: {"Start": 4}}))
    assert lines == [rf"set Start of {HKLM_SYSTEM}\{DHCP}"] and number(guest, rf"SYSTEM\{DHCP}", "Start") == 2
    by_hand: Keys = {DHCP: {"Start": 4}, CARD: {"EnableDHCP": 0, "IPAddress": ["192.0.2.1"]}}
    assert planned("windows-dhcp-service", server(system=by_hand)) == ()


# -- the control set -------------------------------------------------------------------------------------------

GOOD: Keys = {
    "Select": {"Current": 2, "Default": 2, "Failed": 0, "LastKnownGood": 1},
    r"ControlSet002\Control\Session Manager": {"BootExecute": ["x"]},
}


def test_a_control_set_that_is_not_whole_is_left_for_the_good_one() -> None:
    lines, guest = mended("windows-last-known-good", server(system=GOOD))
    assert lines == [rf"set {name} of {HKLM_SYSTEM}\Select" for name in ("Current", "Default", "Failed")]
    select = {name: number(guest, r"SYSTEM\Select", name) for name in ("Current", "Default", "Failed")}
    assert select == {"Current": 1, "Default": 1, "Failed": 2}


def test_a_whole_control_set_stays_unless_somebody_says_so() -> None:
    whole: Keys = {**GOOD, r"ControlSet002\Services\Dhcp": {"Start": 2}}
    assert planned("windows-last-known-good", server(system=whole)) == ()
    _, guest = mended("windows-last-known-good", server(system=whole), always="yes")
    assert number(guest, r"SYSTEM\Select", "Current") == 1


@pytest.mark.parametrize("good", [3, 0])
def test_a_good_control_set_that_is_not_there(good: int) -> None:
    keys: Keys = {**GOOD, "Select": {"Current": 2, "Default": 2, "LastKnownGood": good}}
    assert SHELF["windows-last-known-good"].operation.lacking(server(system=keys)) != ""


# -- access ----------------------------------------------------------------------------------------------------


def test_remote_desktop() -> None:
    closed: Keys = {
        r"ControlSet001\Control\Terminal Server": {"fDenyTSConnections": 1},
        rf"{SERVICES}\TermService": {"Start": 4},
        rf"{FIREWALL}\FirewallRules": {
            "RemoteDesktop-UserMode-In-TCP": "v2.31|Action=Allow|Active=FALSE|Dir=In|LPort=3389|",
            "CoreNet-DHCP-In": "v2.31|Action=Allow|Active=FALSE|Dir=In|",
        },
    }
    policy: Keys = {r"Policies\Microsoft\Windows NT\Terminal Services": {"fDenyTSConnections": 1}}
    lines, guest = mended("windows-remote-desktop", server(system=closed, software=policy))
    assert lines == sorted(
        [
            rf"set fDenyTSConnections of {HKLM_SYSTEM}\ControlSet001\Control\Terminal Server",
            rf"set fDenyTSConnections of {HKLM_SOFTWARE}\Policies\Microsoft\Windows NT\Terminal Services",
            rf"set Start of {HKLM_SYSTEM}\{SERVICES}\TermService",
            rf"set RemoteDesktop-UserMode-In-TCP of {HKLM_SYSTEM}\{FIREWALL}\FirewallRules",
        ]
    )
    with open_registry(guest.files, "/Windows") as registry:
        rule = registry.text(rf"{HKLM_SYSTEM}\{FIREWALL}\FirewallRules", "RemoteDesktop-UserMode-In-TCP")
    assert rule == "v2.31|Action=Allow|Active=TRUE|Dir=In|LPort=3389|"
    assert planned("windows-remote-desktop", server()) == ()


def test_the_firewall() -> None:
    on: Keys = {rf"{FIREWALL}\{name}": {"EnableFirewall": 1} for name in ("DomainProfile", "PublicProfile")}
    policies: Keys = {
        r"Policies\Microsoft\WindowsFirewall\DomainProfile": {"EnableFirewall": 1},
        r"Policies\Microsoft\WindowsFirewall\PublicProfile": {"DefaultInboundAction": 1},
    }
    lines, _ = mended("windows-firewall-off", server(system=on, software=policies))
    assert lines == [
        rf"set EnableFirewall of {HKLM_SOFTWARE}\Policies\Microsoft\WindowsFirewall\DomainProfile",
        rf"set EnableFirewall of {HKLM_SYSTEM}\{FIREWALL}\DomainProfile",
        rf"set EnableFirewall of {HKLM_SYSTEM}\{FIREWALL}\PublicProfile",
    ]
    assert planned("windows-firewall-off", server()) == ()


# -- accounts --------------------------------------------------------------------------------------------------


def stored(guest: Guest, rid: int, name: str) -> bytes:
    with open_registry(guest.files, "/Windows") as registry:
        key = registry.find(rf"{USERS}\{rid:08X}")
        value = key.value(name) if key is not None else None
    assert value is not None and value.type_name == "REG_BINARY"
    return value.data


@pytest.mark.parametrize("user", ["operator", "OPERATOR", "1000"])
def test_a_password_is_taken_away(user: str) -> None:
    (change,) = planned("windows-password", server(), user=user)
    assert isinstance(change, RegistrySet) and change.private  # no hash in any plan
    lines, guest = mended("windows-password", server(), user=user)
    assert [line.partition(": ")[2] for line in lines] == ["no password for operator"]
    before, after = accounts.words("operator"), stored(guest, 1000, "V")
    assert struct.unpack_from("<I", after, 0xAC) == (0,) and len(after) == len(before)
    assert [at for at in range(len(before)) if before[at] != after[at]] == [0xAC]
    assert stored(guest, 500, "V") == accounts.words("Administrator")


def test_an_old_lm_hash_goes_too() -> None:
    words = bytearray(accounts.words("old"))
    struct.pack_into("<II", words, 0xA0, 20, 0)
    sam = accounts.sam_keys((1001, "old", accounts.facts(1001), bytes(words)))
    _, guest = mended("windows-password", server(sam=sam), user="old")
    assert struct.unpack_from("<I", stored(guest, 1001, "V"), 0xA0) == (0,)


def test_an_account_without_a_password_stays_as_it_is() -> None:
    assert planned("windows-password", server(), user="Gast") == ()


def test_a_microsoft_account_has_its_password_elsewhere() -> None:
    key = r"SAM\Domains\Account\Users\000003E8"
    sam = {**SAM, key: {**SAM[key], "InternetUserName": b"o\0@\0"}}
    with pytest.raises(UnsupportedGuest, match="operator is a Microsoft account"):
        planned("windows-password", server(sam=sam), user="operator")


def test_an_account_is_unlocked() -> None:
    locked = accounts.facts(1000, flags=accounts.NORMAL | accounts.LOCKED, failed=12)
    sam = accounts.sam_keys((1000, "operator", locked, accounts.words("operator")))
    _, guest = mended("windows-account-unlock", server(sam=sam), user="operator")
    assert stored(guest, 1000, "F") == accounts.facts(1000)
    assert planned("windows-account-unlock", server(), user="operator") == ()


def test_the_built_in_administrator_is_enabled_whatever_its_name() -> None:
    disabled = accounts.facts(500, flags=0x211)
    sam = accounts.sam_keys((500, "Järjestelmänvalvoja", disabled, accounts.words("x")))
    _, guest = mended("windows-account-enable", server(sam=sam))
    assert stored(guest, 500, "F") == accounts.facts(500, flags=0x210)
    assert planned("windows-account-enable", server()) == ()
    _, guest = mended("windows-account-enable", server(), user="gast")
    assert stored(guest, 501, "F") == accounts.facts(501, flags=0x10)


@pytest.mark.parametrize("name", ["windows-password", "windows-account-unlock", "windows-account-enable"])
def test_accounts_that_are_not_there_or_not_readable(name: str) -> None:
    with pytest.raises(NotInGuest) as caught:
        planned(name, server(), user="operater")
    assert caught.value.hint == "did you mean operator?"
    with pytest.raises(NotInGuest) as caught:
        planned(name, server(), user="4711")
    assert caught.value.hint == "there are Administrator, Gast, operator"
    cut = {**SAM, r"SAM\Domains\Account\Users\000003E8": {"F": bytes(40), "V": bytes(40)}}
    with pytest.raises(OddGuest, match="not stored as accounts are"):
        planned(name, server(sam=cut), user="operator")


# -- the disk --------------------------------------------------------------------------------------------------

MANAGER = r"ControlSet001\Control\Session Manager"


def test_a_drive_is_checked_before_what_is_checked_anyway() -> None:
    _, guest = mended("windows-check-disk", server())
    assert texts(guest, rf"SYSTEM\{MANAGER}", "BootExecute") == (
        r"autocheck autochk /p \??\C:",
        "autocheck autochk *",
    )
    _, guest = mended("windows-check-disk", guest, bad_sectors="yes")
    _, guest = mended("windows-check-disk", guest, drive="d:")
    assert texts(guest, rf"SYSTEM\{MANAGER}", "BootExecute") == (
        r"autocheck autochk /p \??\D:",
        r"autocheck autochk /r \??\C:",
        "autocheck autochk *",
    )


def test_a_session_manager_that_was_told_nothing() -> None:
    _, guest = mended("windows-check-disk", server(system={MANAGER: {"Other": 1}}))
    found = texts(guest, rf"SYSTEM\{MANAGER}", "BootExecute")
    assert found is not None and found[-1] == "autocheck autochk *"


# -- updates ---------------------------------------------------------------------------------------------------

TXR = f"{CONFIG}/TxR/{{1}}.TMContainer00000000000000000001.regtrans-ms"
POQEXEC = r"C:\Windows\System32\poqexec.exe /display_progress \SystemRoot\WinSxS\pending.xml"


def test_updates_that_wait_are_cancelled() -> None:
    files: dict[str, Content] = {
        "/Windows/WinSxS/pending.xml": "<PendingTransaction/>",
        "/Windows/WinSxS/pending.xml.cancelled": "an earlier one",
        TXR: "x",
        "/Windows/System32/SMI/Store/Machine/SCHEMA.DAT{1}.TM.blf": "x",
        "/Windows/System32/SMI/Store/Machine/SCHEMA.DAT": "x",
        f"{CONFIG}/COMPONENTS": make_hive(
            {"": {"PendingXmlIdentifier": b"x", "StoreFormatVersion": "0.0.0.6"}}, "COMPONENTS"
        ),
    }
    software: Keys = {
        rf"{SERVICING}\PackagesPending\Package_for_KB1": {"a": 1},
        rf"{SERVICING}\RebootPending": {},
        rf"{SERVICING}\SessionsPending\1_2": {"Complete": 1},
    }
    system: Keys = {MANAGER: {"SetupExecute": [POQEXEC, "other.exe"], "BootExecute": ["x"]}}
    guest = server(files=files, software=software, system=system)
    lines, guest = mended("windows-pending-updates", guest)
    assert lines == sorted(
        [
            "move /Windows/WinSxS/pending.xml to /Windows/WinSxS/pending.xml.cancelled2",
            rf"set SetupExecute of {HKLM_SYSTEM}\{MANAGER}",
            rf"remove {HKLM_SOFTWARE}\{SERVICING}\PackagesPending and all below it",
            rf"remove {HKLM_SOFTWARE}\{SERVICING}\RebootPending and all below it",
            r"remove PendingXmlIdentifier of HKEY_LOCAL_MACHINE\COMPONENTS",
            f"remove {TXR}",
            "remove /Windows/System32/SMI/Store/Machine/SCHEMA.DAT{1}.TM.blf",
        ]
    )
    assert texts(guest, rf"SYSTEM\{MANAGER}", "SetupExecute") == ("other.exe",)


def test_transactions_of_a_guest_without_updates_stay() -> None:
    """They are there on every healthy Windows."""
    empty: Keys = {rf"{SERVICING}\PackagesPending": {}, rf"{SERVICING}\SessionsPending\1": {"Complete": 1}}
    assert planned("windows-pending-updates", server(files={TXR: "x"}, software=empty)) == ()


# -- hives -----------------------------------------------------------------------------------------------------

REGBACK = f"{CONFIG}/RegBack/SYSTEM"


@pytest.mark.parametrize(
    "damage", [b"", b"regf" + bytes(5000), b"\0" * 8192, make_hive({"Other": {}}, "SYSTEM")]
)
def test_a_damaged_hive_is_replaced_by_its_backup(damage: bytes) -> None:
    backup = make_hive({**SYSTEM, "Backup": {}}, "SYSTEM")
    files: dict[str, Content] = {
        f"{CONFIG}/SYSTEM": damage,
        f"{CONFIG}/SYSTEM.LOG1": b"old log",
        REGBACK: backup,
        f"{CONFIG}/RegBack/SOFTWARE": make_hive(SOFTWARE, "SOFTWARE"),
    }
    lines, guest = mended("windows-hive-backup", server(files=files))
    kept = [f"write {CONFIG}/SYSTEM.damaged"] if damage else []
    assert lines == [f"empty {CONFIG}/SYSTEM.LOG1", f"write {CONFIG}/SYSTEM", *kept]
    assert guest.files.read_bytes(f"{CONFIG}/SYSTEM") == backup
    assert guest.files.read_bytes(f"{CONFIG}/SYSTEM.LOG1") == b""
    if damage:
        assert guest.files.read_bytes(f"{CONFIG}/SYSTEM.damaged") == damage


def test_the_youngest_backup_that_can_be_read_is_taken() -> None:
    from tests.support.memory import Node

    old, young = (make_hive({**SYSTEM, name: {}}, "SYSTEM") for name in ("Old", "Young"))
    files: dict[str, Content] = {
        f"{CONFIG}/SYSTEM": b"nothing",
        REGBACK: Node(content=old, mtime=10**18),
        f"{CONFIG}/SYSTEM.bak": Node(content=young, mtime=2 * 10**18),
    }
    _, guest = mended("windows-hive-backup", server(files=files))
    assert guest.files.read_bytes(f"{CONFIG}/SYSTEM") == young
    files[f"{CONFIG}/SYSTEM.bak"] = Node(content=b"", mtime=2 * 10**18)
    _, guest = mended("windows-hive-backup", server(files=files))
    assert guest.files.read_bytes(f"{CONFIG}/SYSTEM") == old


def test_a_backup_is_read_to_its_end() -> None:
    """One that is damaged far down would be found out by Windows only."""
    deep = make_hive({**SYSTEM, r"A\B\C\D\E": {}}, "SYSTEM")
    at = deep.rfind(b"nk")  # the key that was made last
    spoilt = deep[:at] + b"xx" + deep[at + 2 :]
    files: dict[str, Content] = {f"{CONFIG}/SYSTEM": b"nothing", REGBACK: spoilt}
    with pytest.raises(UnsupportedGuest, match="no backup of SYSTEM"):
        planned("windows-hive-backup", server(files=files))


@pytest.mark.parametrize("backup", [b"", b"nothing", make_hive({"Other": {}}, "SYSTEM")])
def test_a_backup_that_is_none_is_refused(backup: bytes) -> None:
    """RegBack is empty since 1803: that must never become the hive."""
    files: dict[str, Content] = {f"{CONFIG}/SYSTEM": b"nothing", REGBACK: backup}
    with pytest.raises(UnsupportedGuest, match="no backup of SYSTEM"):
        planned("windows-hive-backup", server(files=files))
    with pytest.raises(UnsupportedGuest, match="no backup of SYSTEM"):
        planned("windows-hive-backup", server(files={REGBACK: backup}), hives="SYSTEM")


def test_a_sound_hive_is_replaced_only_if_it_is_named() -> None:
    backup = make_hive({**SYSTEM, "Backup": {}}, "SYSTEM")
    assert planned("windows-hive-backup", server(files={REGBACK: backup})) == ()
    _, guest = mended("windows-hive-backup", server(files={REGBACK: backup}), hives="system")
    assert guest.files.read_bytes(f"{CONFIG}/SYSTEM") == backup


def test_secrets_of_a_hive_are_not_shown() -> None:
    files: dict[str, Content] = {f"{CONFIG}/SAM": b"nothing", f"{CONFIG}/RegBack/SAM": make_hive(SAM, "SAM")}
    guest = server(files=files)
    changes = compose(planned("windows-hive-backup", guest), guest.files)
    assert changes and all(getattr(one, "private", True) for one in changes)


# -- drivers ---------------------------------------------------------------------------------------------------

BAD = rf"{SERVICES}\badflt"
FILTERED: Mapping[str, Mapping[str, Data]] = {
    BAD: {"Start": 0, "Type": 1, "ImagePath": r"\SystemRoot\System32\drivers\BadFlt.sys"},
    DISKS: {"UpperFilters": ["BADFLT", "partmgr"], "LowerFilters": ["badflt"]},
}


def test_a_driver_goes_with_its_service_and_its_filters() -> None:
    guest = server(system=FILTERED, files={f"{DRIVERS}/badflt.sys": "x"})
    lines, guest = mended("windows-driver-file", guest, file="badflt.sys")
    assert lines == sorted(
        [
            f"remove {DRIVERS}/badflt.sys",
            rf"set Start of {HKLM_SYSTEM}\{BAD}",
            rf"set UpperFilters of {HKLM_SYSTEM}\{DISKS}",
            rf"remove LowerFilters of {HKLM_SYSTEM}\{DISKS}",
        ]
    )
    assert texts(guest, rf"SYSTEM\{DISKS}", "UpperFilters") == ("partmgr",)


def test_a_driver_is_started_from_its_own_name_without_a_path() -> None:
    guest = server(system={rf"{SERVICES}\odd": {"Start": 1, "Type": 1}}, files={f"{DRIVERS}/odd.sys": "x"})
    lines, _ = mended("windows-driver-file", guest, file="odd.sys")
    assert rf"set Start of {HKLM_SYSTEM}\{SERVICES}\odd" in lines


def test_files_of_a_driver_by_a_pattern() -> None:
    folder = f"{DRIVERS}/CrowdStrike"
    files: dict[str, Content] = {
        f"{folder}/C-00000290-00000000-00000001.sys": "x",
        f"{folder}/C-00000291-00000000-00000032.sys": "x",
        f"{folder}/C-00000291-00000000-00000033.sys": "x",
    }
    lines, _ = mended("windows-driver-file", server(files=files), file="CrowdStrike/C-00000291*.sys")
    assert lines == [f"remove {folder}/C-00000291-00000000-000000{end}.sys" for end in (32, 33)]
    path = r"\Windows\System32\drivers\CrowdStrike\C-00000291*.sys"
    assert mended("windows-driver-file", server(files=files), file=path)[0] == lines
    assert planned("windows-driver-file", server(), file="CrowdStrike/C-00000291*.sys") == ()


@pytest.mark.parametrize("file", ["partmgr.sys", "PARTMGR.SYS", "*.sys"])
def test_what_windows_does_not_start_without_is_refused(file: str) -> None:
    with pytest.raises(EditFailed, match=r"partmgr\.sys is not removed"):
        planned("windows-driver-file", server(), file=file)


def test_agents_of_the_old_hypervisor() -> None:
    system: Keys = {
        rf"{SERVICES}\VMTools": {"Start": 2},
        rf"{SERVICES}\xenfilt": {"Start": 0},
        rf"{SERVICES}\vmicheartbeat": {"Start": 3},
        rf"{SERVICES}\vmci": {"Start": 4},
        DISKS: {"UpperFilters": ["partmgr"], "LowerFilters": ["xenfilt", "prl_strg"]},
    }
    lines, guest = mended("windows-old-hypervisor", server(system=system))
    assert lines == sorted(
        [
            rf"set Start of {HKLM_SYSTEM}\{SERVICES}\VMTools",
            rf"set Start of {HKLM_SYSTEM}\{SERVICES}\xenfilt",
            rf"remove LowerFilters of {HKLM_SYSTEM}\{DISKS}",
        ]
    )
    assert number(guest, rf"SYSTEM\{SERVICES}\vmicheartbeat", "Start") == 3
    lines, _ = mended("windows-old-hypervisor", server(system=system), of="hyperv,xen")
    assert rf"set Start of {HKLM_SYSTEM}\{SERVICES}\vmicheartbeat" in lines and len(lines) == 3
    assert planned("windows-old-hypervisor", server()) == ()


# -- hibernation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"hibr", b"HIBR"])
def test_a_session_is_thrown_away_only_if_somebody_says_so(mark: bytes) -> None:
    guest = server(files={"/hiberfil.sys": mark + bytes(4096)})
    with pytest.raises(WouldLoseData) as caught:
        planned("windows-hibernation", guest)
    assert "windows-hibernation.discard=yes" in caught.value.hint
    assert planned("windows-hibernation", guest, discard="yes") == (DiscardHibernation("/dev/sda3"),)


@pytest.mark.parametrize("files", [{}, {"/hiberfil.sys": bytes(4096)}, {"/hiberfil.sys": b"wake"}])
def test_a_windows_that_was_shut_down_has_none(files: Mapping[str, Content]) -> None:
    assert planned("windows-hibernation", server(files=files)) == ()


def test_nothing_is_written_before_a_session_is_gone() -> None:
    from imgtools.ops.shelf_plan import Planned, all_changes

    guest = server(files={"/hiberfil.sys": b"hibr" + bytes(4096)})
    wanted = [
        Planned(SHELF[name], True, planned(name, guest, **settings))
        for name, settings in (
            ("windows-check-disk", {}),
            ("windows-hibernation", {"discard": "yes"}),
        )
    ]
    assert isinstance(all_changes(wanted)[0], DiscardHibernation)
