"""A Windows guest made in memory: hives from dicts, put where Windows keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fixtures.executables import pe
from imgtools.files.tree import GuestTree
from imgtools.guest.guest import Guest
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.guest.windows.registry import open_registry
from imgtools.ops.station import Examined
from imgtools.records.disks import Disk, Layout, Mount
from imgtools.records.system import OsInfo
from tests.support.hives import Keys, make_hive
from tests.support.memory import Content, memory_files, memory_volume

CURRENT_VERSION = r"Microsoft\Windows NT\CurrentVersion"
PROFILES = rf"{CURRENT_VERSION}\ProfileList"
ALICE = "S-1-5-21-1-2-3-1001"

SOFTWARE: Keys = {
    CURRENT_VERSION: {
        "ProductName": "Windows 10 Pro",
        "CurrentMajorVersionNumber": 10,
        "CurrentMinorVersionNumber": 0,
        "CurrentVersion": "6.3",
        "CurrentBuildNumber": "19045",
        "UBR": 3803,
        "DisplayVersion": "22H2",
        "EditionID": "Professional",
        "InstallationType": "Client",
        "InstallDate": 1_700_000_000,
        "SystemRoot": r"C:\Windows",
    },
    rf"{PROFILES}\S-1-5-18": {"ProfileImagePath": r"%systemroot%\system32\config\systemprofile"},
    rf"{PROFILES}\S-1-5-19": {"ProfileImagePath": r"%systemroot%\ServiceProfiles\LocalService"},
    rf"{PROFILES}\{ALICE}": {"ProfileImagePath": r"C:\Users\alice.NEW"},
    rf"{PROFILES}\S-1-5-21-9-9-9-1104": {"ProfileImagePath": r"%SystemDrive%\Users\bob"},
}
SYSTEM: Keys = {
    "Select": {"Current": 2, "Default": 1},
    r"ControlSet001\Services\Tcpip\Parameters": {"Hostname": "OLD"},
    r"ControlSet002\Services\Tcpip\Parameters": {"Hostname": "desk-42", "Domain": "example.test"},
    r"ControlSet002\Control\ComputerName\ComputerName": {"ComputerName": "DESK-42"},
    r"ControlSet002\Control\TimeZoneInformation": {
        "TimeZoneKeyName": "W. Europe Standard Time\0garbage",
        "ActiveTimeBias": 2**32 - 120,
    },
}


def windows_tree(
    software: Keys = SOFTWARE, system: Keys = SYSTEM, more: Mapping[str, Content] | None = None
) -> dict[str, Content]:
    """The files of a small Windows in /Windows; ``more`` adds files or replaces them."""
    files: dict[str, Content] = {
        "/Windows/System32/cmd.exe": pe("x86_64"),
        "/Windows/System32/config/SOFTWARE": make_hive(software, "SOFTWARE"),
        "/Windows/System32/config/SYSTEM": make_hive(system, "SYSTEM"),
        "/Windows/System32/config/DEFAULT": make_hive({"Environment": {"TEMP": "x"}}, "DEFAULT"),
        "/Users/alice.NEW/NTUSER.DAT": make_hive({"Environment": {"whose": "alice"}}, "NTUSER"),
        "/Users/carol/ntuser.dat": make_hive({"Environment": {"whose": "carol"}}, "NTUSER"),
    }
    return files | dict(more or {})


def windows_files(
    software: Keys = SOFTWARE, system: Keys = SYSTEM, more: Mapping[str, Content] | None = None
) -> GuestTree:
    """The reader of :func:`windows_tree`."""
    return memory_files(windows_tree(software, system, more), ignores_case=True)


@contextmanager
def windows_facts(
    software: Keys | None = None, system: Keys | None = None, more: Mapping[str, Content] | None = None
) -> Iterator[RegistryFacts]:
    """What reads facts of :func:`windows_tree`, to whose hives these keys are added."""
    files = windows_files(dict(SOFTWARE) | dict(software or {}), dict(SYSTEM) | dict(system or {}), more)
    with open_registry(files, "/Windows") as registry:
        yield RegistryFacts(registry)


def windows_examined(files: Mapping[str, Content], **os: object) -> Examined:
    """A machine with the Windows of these files on its only volume."""
    volume = memory_volume("/dev/sda2", "ntfs")
    layout = Layout((Disk("/dev/sda", 2 << 30),), volumes=(volume,))
    tree = memory_files(files, ignores_case=True)
    return Examined(layout, Guest(volume, OsInfo(**os), (Mount("/", volume),), tree))  # type: ignore[arg-type]
