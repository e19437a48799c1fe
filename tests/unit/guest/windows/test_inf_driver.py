"""What INF files say of a driver, in the shapes that those of virtio-win have."""

from __future__ import annotations

import datetime

import pytest

from imgtools.change.change import RegistryMakeKey, RegistrySet
from imgtools.errors import HostError
from imgtools.guest.windows.inf import Inf, read_inf
from imgtools.guest.windows.inf_driver import (
    CopiedFile,
    InfDriver,
    driver_for,
    driver_version,
    hardware_ids,
    is_driver,
)
from imgtools.guest.windows.target_os import TargetOs
from tests.support.virtio import disk_inf, other_inf

AMD64 = TargetOs(10, 0, 19045, "amd64", 1)
X86 = TargetOs(6, 1, 7601, "x86", 1)


def inf(text: str) -> Inf:
    return read_inf(text.encode(), "a.inf")


def driver(text: str, target: TargetOs = AMD64) -> InfDriver:
    found = driver_for(inf(text), target)
    assert found is not None
    return found


def test_viostor() -> None:
    found = driver(disk_inf())
    assert found.class_guid == "{4d36e97b-e325-11ce-bfc1-08002be10318}"
    assert (found.provider, found.catalog, found.files) == ("Red Hat, Inc.", "viostor.cat", ("viostor.sys",))
    assert [model.ids for model in found.models] == [
        (r"PCI\VEN_1AF4&DEV_1001&REV_00", r"PCI\VEN_1AF4&DEV_1001"),
        (r"PCI\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01", r"PCI\VEN_1AF4&DEV_1042"),
    ]
    assert {model.description for model in found.models} == {"Red Hat VirtIO SCSI controller"}
    (install,) = found.installs
    assert install.files == (CopiedFile("viostor.sys", "System32/drivers/viostor.sys"),)
    assert install.device == (
        RegistryMakeKey("", "Interrupt Management"),
        RegistrySet(
            "",
            r"Interrupt Management\MessageSignaledInterruptProperties",
            "MSISupported",
            "REG_DWORD",
            number=1,
        ),
    )
    (service,) = found.boot_services
    assert (service.name, service.type, service.error_control) == ("viostor", 1, 1)
    assert (service.binary, service.group) == ("System32/drivers/viostor.sys", "SCSI miniport")
    assert service.settings == (
        RegistrySet("", r"Parameters\PnpInterface", "5", "REG_DWORD", number=1),
        RegistrySet("", "Parameters", "BusType", "REG_DWORD", number=1),
    )


def test_vioscsi_is_another_bus_and_the_driver_store_is_the_folder_of_drivers() -> None:
    (service,) = driver(disk_inf("vioscsi", dirid=13)).boot_services
    assert service.settings[1].number == 0x0A  # type: ignore[union-attr]
    assert service.binary == "System32/drivers/vioscsi.sys"


def test_a_driver_that_waits_for_its_device() -> None:
    found = driver(other_inf())
    assert found.boot_services == ()
    (install,) = found.installs
    assert install.name == "Dev.NT"
    assert install.has_service and install.files == (
        CopiedFile("balloon.sys", "System32/drivers/balloon.sys"),
    )


def test_one_file_for_several_systems() -> None:
    text = other_inf(decoration="NTx86").replace("Standard,NTx86", "Standard,NTx86,NTamd64.6.1,NTamd64.10.0")
    text += "[Standard.NTamd64.6.1]\n%V%=Dev, A\\1\n[Standard.NTamd64.10.0]\n%V%=Dev64, B\\1, B\\2\n"
    text += "[Dev64.NTamd64]\nCopyFiles=@extra.dll\n[Dev64.NTamd64.Services]\nAddService=,2\n"
    text += "[Dev64]\nCopyFiles=Drivers\n"
    (model,) = driver(text).models
    assert (model.hardware_id, model.install) == ("B\\1", "Dev64.NTamd64")
    (install,) = driver(text).installs
    assert not install.has_service  # a stub, as qemufwcfg.inf
    assert install.files == (CopiedFile("extra.dll", "System32/drivers/extra.dll"),)
    assert driver(text, X86).models[0].hardware_id.startswith("PCI")
    assert driver_for(inf(text), TargetOs(10, 0, 22631, "arm64", 1)) is None
    assert set(hardware_ids(inf(text))) >= {"A\\1", "B\\1", r"PCI\VEN_1AF4&DEV_1002"}


def test_an_empty_section_of_models_is_for_nobody() -> None:
    """So an INF file says that it is not for a system, though it has something for older ones."""
    text = (
        other_inf().replace("Standard,NTamd64", "Standard,NTamd64,NTamd64.10.0") + "[Standard.NTamd64.10.0]\n"
    )
    assert driver_for(inf(text), AMD64) is None
    assert driver_for(inf(text), TargetOs(6, 3, 9600, "amd64", 1)) is not None


def test_files_lie_where_the_sections_of_the_disk_say() -> None:
    text = other_inf().replace('1 = %V%,,,""', "1 = %V%,,,\\all\n2 = %V%")
    text = text.replace("balloon.sys = 1,,", "balloon.sys = 1,x64\n[SourceDisksFiles.amd64]\nWdf.dll=2")
    text = text.replace("[Drivers]\n", "[Drivers]\nnew.dll,Wdf.dll\n")
    text = text.replace("DefaultDestDir = 13", "Drivers=10,Sub\\Folder\nDefaultDestDir=13")
    (install,) = driver(text).installs
    assert install.files == (
        CopiedFile("Wdf.dll", "Sub/Folder/new.dll"),
        CopiedFile("all/x64/balloon.sys", "Sub/Folder/balloon.sys"),
    )
    assert set(driver(text).files) == {"Wdf.dll", "all/x64/balloon.sys"}


def test_every_kind_of_value() -> None:
    lines = """HKR,,Text,,"a, b"
HKR,Sub\\,Expand,0x20000,%%x%%
HKR,,Many,0x10000,a,b
HKR,,Bytes,1,01,ff
HKR,,None,0x20001
HKR,,Quad,0xB0001,1,0,0,0,0,0,0,0
HKR,,Minus,0x10003,-1
HKR,,Gone,4
HKLM,Software\\X,Other,,1"""
    text = disk_inf().replace("[Pnp]\n", f"[Pnp]\n{lines}\n")
    (service,) = driver(text).boot_services
    assert service.settings[:7] == (
        RegistrySet("", "", "Text", "REG_SZ", text="a, b"),
        RegistrySet("", "Sub", "Expand", "REG_EXPAND_SZ", text="%x%"),
        RegistrySet("", "", "Many", "REG_MULTI_SZ", texts=("a", "b")),
        RegistrySet("", "", "Bytes", "REG_BINARY", data=b"\x01\xff"),
        RegistrySet("", "", "None", "REG_NONE", data=b""),
        RegistrySet("", "", "Quad", "REG_QWORD", data=b"\x01" + bytes(7)),
        RegistrySet("", "", "Minus", "REG_DWORD", number=0xFFFFFFFF),
    )
    assert len(service.settings) == 9


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("DriverVer=10/07/2024", "DriverVer=13/07/2024", "no such date"),
        ("DriverVer=10/07/2024", "DriverVer=01/01/0001", "no such date"),
        ("DriverVer=10/07/2024", "DriverVer=yesterday", "not a date and a version"),
        ("100.95.104.26200", "1.2.3.4.5", "not a date and a version"),
        ("DriverVer", "Driver", "no DriverVer"),
        ("Devices,NTamd64", "Devices,NTamd64,Linux", "not the name of a system: 'Linux'"),
        ("%Device% = inst, PCI\\VEN_1AF4&DEV_1001&REV_00", "%Device% = inst, PCI\\..\\..\\x", "not the id of a device"),
        ("= inst, PCI\\VEN_1AF4&DEV_1001&REV_00, PCI\\VEN_1AF4&DEV_1001", "= inst", "without a section or an id"),
        ("viostor.sys,,,2", "..\\viostor.sys", "not the name of a file"),
        ("viostor.sys = 1,,", "viostor.sys = 1,..", "not the name of a file"),
        ("CatalogFile=viostor.cat", "CatalogFile=a/b.cat", "not the name of a file"),
        ("Files = 12", "Files = 16", "copies no System32/drivers/viostor.sys"),
        ("Files = 12", "Files = 11", r"copies no System32/drivers/viostor.sys"),
        ("%12%\\viostor.sys", "%12%\\..\\viostor.sys", "not the name of a file"),
        ("%12%\\viostor.sys", "C:\\viostor.sys", "not a file in a folder of Windows"),
        ("AddService = viostor,", "AddService = a\\b,", "not the name of a service"),
        ("StartType      = %SERVICE_BOOT_START%", "StartType = soon", "not a number: 'soon'"),
        ("ServiceType ", "Type ", "no ServiceType in [Service_Inst]"),
        ("CopyFiles=Files", "CopyFiles=Files,Wow\n[Wow]\nx.dll\n[DestinationDirs]\nWow=16425", "copies x.dll into"),
        ("ServiceBinary", "Binary", "the service viostor has no ServiceBinary"),
        ('"5", %REG_DWORD%', '"5", 0xF0001', "a value of an unknown type"),
    ],
)  # fmt: skip
def test_what_is_impossible_is_named(old: str, new: str, said: str) -> None:
    text = disk_inf()
    assert old in text
    with pytest.raises(HostError) as caught:
        driver_for(inf(text.replace(old, new)), AMD64)
    assert "a.inf" in caught.value.message and said in caught.value.message


def test_what_only_windows_installs_may_be_of_any_shape() -> None:
    """Such as viosock's library for 32-bit programs: nothing of it is carried out here."""
    text = other_inf().replace("CopyFiles=Drivers", "CopyFiles=Drivers,Wow").replace("%13%", "%16425%")
    text += "[Wow]\nx86.dll,x.dll\n[DestinationDirs]\nWow=16425\n"
    text = text.replace("ServiceType    = 1", "AddReg=Odd\n[Odd]\nHKR,,x,0xF0001\n[Inst]\n")
    (install,) = driver(text).installs
    assert install.has_service and install.boot_service is None
    assert install.files[1] == CopiedFile("x.dll", "")


def test_windows_takes_the_later_date_before_the_higher_version() -> None:
    old = driver_version(inf(disk_inf(date="09/01/2024", number="200.0.0.0")))
    new = driver_version(inf(disk_inf(date="10-07-2024", number="1.01")))
    assert new > old
    assert (new.date, new.version) == (datetime.date(2024, 10, 7), (1, 1, 0, 0))
    assert str(old) == "200.0.0.0 of 2024-09-01"


def test_what_starts_a_disc_is_no_driver() -> None:
    assert is_driver(inf(disk_inf()))
    assert not is_driver(inf("[autorun]\nopen=setup.exe\n"))
    assert not is_driver(inf('[Version]\nSignature="other"\n'))
