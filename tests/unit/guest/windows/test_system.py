"""Recognising a Windows and its facts."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping

import pytest

from fixtures.executables import pe
from imgtools.engine.hive import load_hivex
from imgtools.errors import ToolMissing
from imgtools.files.tree import GuestTree
from imgtools.guest.find.recognised import Recognised
from imgtools.guest.windows.system import (
    marketing_name,
    recognise_windows,
    windows_details,
    windows_osinfo,
)
from imgtools.records.disks import Disk, Layout, Mount, Partition, Volume
from imgtools.records.system import OsInfo, OsType
from tests.support.hives import Data, Keys, make_hive
from tests.support.memory import memory_files, memory_volume
from tests.support.windows import CURRENT_VERSION, SOFTWARE, SYSTEM, windows_files

ROOT = memory_volume("/dev/sda2", "ntfs")
CONFIG = "/Windows/System32/config"
MIB = 1 << 20


def recognise(files: GuestTree, layout: Layout | None = None, root: Volume = ROOT) -> Recognised:
    found = recognise_windows(files, root, layout or Layout((), volumes=(root,)))
    assert found is not None
    return found


def software(**values: Data) -> Keys:
    """SOFTWARE with other values in CurrentVersion; None of them kept if a name is given as ''."""
    return dict(SOFTWARE) | {CURRENT_VERSION: values}


# -- the root -----------------------------------------------------------------------------------------------------


def test_the_facts_of_a_windows_10() -> None:
    found = recognise(windows_files())
    assert found.os == OsInfo(
        OsType.WINDOWS,
        distro="windows",
        families=("windows",),
        product_name="Windows 10 Pro",
        product_variant="Client",
        major=10,
        minor=0,
        arch="x86_64",
        hostname="desk-42",
        build_id="19045",
        osinfo="win10",
        windows_systemroot="/Windows",
        windows_current_control_set="ControlSet002",
    )
    assert found.mounts == (Mount("/", ROOT),)
    assert found.warnings == ()


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/fstab": "", "/bin/sh": ""},
        {"/bootmgr": "", "/Boot/BCD": "", "/System Volume Information/x": ""},
        {"/IO.SYS": "", "/MSDOS.SYS": "", "/COMMAND.COM": ""},
        {"/Windows/System32/cmd.exe": b"MZ"},
        {"/Windows/System32/config/SOFTWARE": b"regf"},
        {"/Windows": ""},
    ],
)
def test_what_is_no_root_of_a_windows(files: dict[str, str]) -> None:
    assert recognise_windows(memory_files(files, ignores_case=True), ROOT, Layout(())) is None


def moved(root: str) -> GuestTree:
    """The same Windows in another folder."""
    names = {
        "cmd.exe": pe("i386"),
        "config/SOFTWARE": make_hive(SOFTWARE),
        "config/SYSTEM": make_hive(SYSTEM),
    }
    files = {f"{root}/system32/{name}": content for name, content in names.items()}
    boot_ini = (
        "[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\XP\\SYS\r\n[operating systems]\r\n"
        'multi(0)disk(0)rdisk(0)partition(1)\\XP\\SYS="Microsoft Windows XP Professional" /fastdetect\r\n'
    )
    return memory_files(files | {"/boot.ini": boot_ini.encode()}, ignores_case=True)


@pytest.mark.parametrize("root", ["/WINDOWS", "/WINNT", "/winnt", "/XP/Sys"])
def test_windows_lives_in_other_folders_too(root: str) -> None:
    found = recognise(moved(root))
    assert (found.os.windows_systemroot, found.os.hostname) == (root, "desk-42")


def test_windows_xp_has_no_installation_type() -> None:
    system = dict(SYSTEM) | {r"ControlSet002\Control\ProductOptions": {"ProductType": "ServerNT"}}
    values = {
        "ProductName": "Microsoft Windows Server 2003 R2",
        "CurrentVersion": "5.2",
        "CurrentBuildNumber": "3790",
    }
    os = recognise(windows_files(software(**values), system)).os
    assert (os.major, os.minor, os.product_variant, os.osinfo) == (5, 2, "Server", "win2k3r2")


@pytest.mark.parametrize("machine", ["i386", "x86_64", "aarch64"])
def test_architecture_from_the_program(machine: str) -> None:
    """virt-inspector calls every 64-bit Windows x86_64."""
    files = windows_files(more={"/Windows/System32/cmd.exe": pe(machine)})
    assert recognise(files).os.arch == machine


def test_architecture_from_another_program_or_the_registry() -> None:
    compressed = b"\0" * 4096  # CompactOS: a reader without its decompression sees this
    other = {"/Windows/System32/cmd.exe": compressed, "/Windows/explorer.exe": pe("aarch64")}
    assert recognise(windows_files(more=other)).os.arch == "aarch64"
    environment = {r"ControlSet002\Control\Session Manager\Environment": {"PROCESSOR_ARCHITECTURE": "ARM64"}}
    files = windows_files(
        system=dict(SYSTEM) | environment, more={"/Windows/System32/cmd.exe": b"MZ" + bytes(70)}
    )
    assert recognise(files).os.arch == "aarch64"


def test_hostname_falls_back_to_the_computer_name() -> None:
    system = {key: values for key, values in SYSTEM.items() if "Tcpip" not in key}
    assert recognise(windows_files(system=system)).os.hostname == "DESK-42"


@pytest.mark.parametrize(
    ("version", "variant", "product", "build", "name"),
    [
        ((5, 1), "", "Microsoft Windows XP", "2600", "winxp"),
        ((5, 2), "Server", "Microsoft Windows Server 2003", "3790", "win2k3"),
        ((5, 2), "Client", "Microsoft Windows XP Professional x64 Edition", "3790", "winxp"),
        ((6, 0), "Client", "Windows Vista", "6002", "winvista"),
        ((6, 1), "Client", "Windows 7 Ultimate", "7601", "win7"),
        ((6, 1), "Server Core", "Windows Server 2008 R2 Standard", "7601", "win2k8r2"),
        ((6, 2), "Server", "Windows Server 2012", "9200", "win2k12"),
        ((6, 3), "Client", "Windows 8.1", "9600", "win8.1"),
        ((10, 0), "Client", "Windows 10 Pro", "19045", "win10"),
        ((10, 0), "Client", "Windows 10 Pro", "22000", "win11"),
        ((10, 0), "Client", "Windows 10 Enterprise", "26100", "win11"),
        ((10, 0), "Server", "Windows Server 2016 Datacenter", "14393", "win2k16"),
        ((10, 0), "Server", "Windows Server 2019 Standard", "17763", "win2k19"),
        ((10, 0), "Server Core", "Windows Server 2022 Standard", "20348", "win2k22"),
        ((10, 0), "Server", "Windows Server 2025 Standard", "26100", "win2k25"),
        ((10, 0), "", "", "", "win10"),
        ((3, 1), "", "", "", "unknown"),
    ],
)
def test_osinfo_ids(version: tuple[int, int], variant: str, product: str, build: str, name: str) -> None:
    assert windows_osinfo(version, variant, product, build) == name


# -- damage ---------------------------------------------------------------------------------------------------------


def test_a_damaged_hive_costs_its_facts_and_not_the_guest() -> None:
    found = recognise(windows_files(more={f"{CONFIG}/SOFTWARE": b"garbage" * 1000}))
    assert (found.os.product_name, found.os.hostname, found.os.arch) == ("", "desk-42", "x86_64")
    (warning,) = found.warnings
    assert f"{CONFIG}/SOFTWARE" in warning.text


def test_without_hivex_windows_is_still_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ToolMissing("the Python binding of hivex is not installed")

    assert load_hivex()
    files = windows_files()
    monkeypatch.setattr("imgtools.engine.hive.load_hivex", missing)
    found = recognise(files)
    assert (found.os.type, found.os.arch) == (OsType.WINDOWS, "x86_64")
    assert [warning.text for warning in found.warnings] == ["the Python binding of hivex is not installed"]


def test_values_of_the_wrong_type_are_no_facts() -> None:
    values: dict[str, Data] = {
        "ProductName": 7,
        "CurrentMajorVersionNumber": "10",
        "CurrentVersion": b"\1",
        "UBR": "",
    }
    os = recognise(windows_files(software(**values))).os
    assert (os.product_name, os.major, os.minor, os.osinfo) == ("", 0, 0, "unknown")


# -- drives -----------------------------------------------------------------------------------------------------------


def mbr_layout(disk_id: str = "0x1234abcd") -> Layout:
    partitions = (
        Partition("/dev/sda1", 1, MIB, 50 * MIB, "0x7"),
        Partition("/dev/sda2", 2, 51 * MIB, 900 * MIB, "0x7"),
        Partition("/dev/sda3", 3, 951 * MIB, 50 * MIB, "0x7"),
    )
    volumes = (memory_volume("/dev/sda1", "ntfs"), ROOT, memory_volume("/dev/sda3", "vfat"))
    return Layout(
        (Disk("/dev/sda", 1 << 30, table="dos", table_id=disk_id, partitions=partitions),), volumes=volumes
    )


def mapped(letters: Mapping[str, bytes]) -> GuestTree:
    values = {f"\\DosDevices\\{letter}:": blob for letter, blob in letters.items()}
    return windows_files(system=dict(SYSTEM) | {"MountedDevices": values})


@pytest.mark.parametrize("spelling", ["0x1234abcd", "1234ABCD"])
def test_drives_of_an_mbr_disk(spelling: str) -> None:
    blobs = {"c": struct.pack("<IQ", 0x1234ABCD, 51 * MIB), "D": struct.pack("<IQ", 0x1234ABCD, 951 * MIB)}
    found = recognise(mapped(blobs), mbr_layout(spelling))
    assert found.drives == (("C", "/dev/sda2"), ("D", "/dev/sda3"))
    assert [(mount.path, mount.volume.device) for mount in found.mounts] == [
        ("/", "/dev/sda2"),
        ("/D:", "/dev/sda3"),
    ]


def test_drives_of_a_gpt_disk() -> None:
    guid = uuid.UUID("01234567-89AB-CDEF-0123-456789ABCDEF")
    disk = Disk(
        "/dev/sda",
        1 << 30,
        table="gpt",
        partitions=(Partition("/dev/sda2", 2, MIB, MIB, "", id=str(guid).upper()),),
    )
    found = recognise(mapped({"C": b"DMIO:ID:" + guid.bytes_le}), Layout((disk,), volumes=(ROOT,)))
    assert found.drives == (("C", "/dev/sda2"),)


def test_mappings_that_lead_nowhere_are_left_out() -> None:
    blobs = {
        "C": struct.pack("<IQ", 0x99999999, 51 * MIB),  # cloned: another disk id
        "E": b"\\\0?\0?\0\\\0S\0C\0S\0I\0",  # a CD drive
        "F": b"DMIO:ID:short",
        "G": struct.pack("<IQ", 0x1234ABCD, 77),
    }
    # The guest calls its system drive C: in SOFTWARE, so C: is the volume it is on.
    assert recognise(mapped(blobs), mbr_layout()).drives == (("C", "/dev/sda2"),)


def test_a_sysprepped_guest_has_its_system_drive() -> None:
    assert recognise(windows_files(), mbr_layout()).drives == (("C", "/dev/sda2"),)


def test_drives_of_other_filesystems_are_known_but_not_mounted() -> None:
    layout = mbr_layout()
    other = Layout(layout.disks, volumes=(ROOT, memory_volume("/dev/sda3", "exfat")))
    found = recognise(mapped({"D": struct.pack("<IQ", 0x1234ABCD, 951 * MIB)}), other)
    assert found.drives == (("C", "/dev/sda2"), ("D", "/dev/sda3"))
    assert [mount.path for mount in found.mounts] == ["/"]


# -- details --------------------------------------------------------------------------------------------------------


def test_details() -> None:
    domain_sid = b"\1\4\0\0\0\0\0\5" + struct.pack("<4I", 21, 1, 2, 3)
    name = "corp.example.test".encode("utf-16-le")
    security = make_hive(
        {
            r"Policy\PolDnDDN": {"": (0, struct.pack("<HHI", len(name), len(name), 8) + name)},
            r"Policy\PolPrDmS": {"": (0, domain_sid)},
        }
    )
    group_policy = (
        r"Microsoft\Windows\CurrentVersion\Group Policy\History\{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
    )
    files = windows_files(
        dict(SOFTWARE) | {group_policy: {}},
        more={f"{CONFIG}/SECURITY": security, "/hiberfil.sys": b"HIBR" + bytes(99)},
    )
    details, warnings = windows_details(files, recognise(files).os)
    assert (details.edition, details.display_version, details.build) == ("Professional", "22H2", "19045.3803")
    assert (details.timezone, details.utc_offset) == ("W. Europe Standard Time", 120)
    assert (details.domain, details.domain_joined, details.group_policy) == ("corp.example.test", True, True)
    assert details.hibernated
    assert details.installed == 1_700_000_000 * 10**9
    assert warnings == ()


def test_details_of_a_machine_in_no_domain() -> None:
    security = make_hive({r"Policy\PolPrDmS": {"": (0, b"")}})
    files = windows_files(more={f"{CONFIG}/SECURITY": security})
    details, _ = windows_details(files, recognise(files).os)
    assert (details.domain, details.domain_joined, details.group_policy) == ("example.test", False, False)
    assert not details.hibernated


@pytest.mark.parametrize(
    ("product", "build", "name"),
    [
        ("Windows 10 Pro", "19045", "Windows 10 Pro"),
        ("Windows 10 Enterprise LTSC 2024", "26100", "Windows 11 Enterprise LTSC 2024"),
        ("Windows 10 Pro", "22000", "Windows 11 Pro"),
        ("Windows Server 2025 Standard", "26100", "Windows Server 2025 Standard"),
        ("Windows 11 Pro", "26100", "Windows 11 Pro"),
        ("Windows 10 Pro", "", "Windows 10 Pro"),
        ("", "22000", ""),
    ],
)
def test_windows_11_is_called_so(product: str, build: str, name: str) -> None:
    assert marketing_name(product, build) == name


def test_language_and_sleep() -> None:
    control = r"ControlSet002\Control"
    more: Keys = {
        rf"{control}\Nls\Locale": {"": "00000407"},
        rf"{control}\Nls\Language": {"InstallLanguage": "0409", "Default": "0407"},
        rf"{control}\Power": {"HibernateEnabled": 0},
        rf"{control}\Session Manager\Power": {"HiberbootEnabled": 1},
    }
    files = windows_files(system=dict(SYSTEM) | more)
    details, _ = windows_details(files, recognise(files).os)
    assert (details.locale, details.install_language) == ("de-DE", "en-US")
    assert (details.hibernation, details.fast_startup) == (False, True)


def test_a_language_that_has_no_name_is_not_known() -> None:
    """An identifier of a custom locale, and what is none."""
    for own in ("00001000", "none", "4294967296"):
        files = windows_files(system=dict(SYSTEM) | {r"ControlSet002\Control\Nls\Locale": {"": own}})
        details, _ = windows_details(files, recognise(files).os)
        assert (details.locale, details.hibernation, details.fast_startup) == ("", None, None)
