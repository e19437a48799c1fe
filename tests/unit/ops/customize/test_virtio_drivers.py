"""virtio-drivers: what a Windows has afterwards, before 8 and since, what it keeps, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import FileChange
from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import HostError, UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import Registry
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.ops.order_warnings import order_warnings
from imgtools.records.disks import Mount, Volume
from imgtools.records.request import Engine
from imgtools.records.system import OsInfo, OsType
from tests.support.hives import Data, Keys
from tests.support.memory import Content, MemoryWriter, memory_volume
from tests.support.virtio import NUMBER, disk_inf, drivers, other_inf, package, virtio_win, write_tree
from tests.support.windows import SOFTWARE, SYSTEM, windows_tree

pytestmark = pytest.mark.host

CONTROL_SET = r"HKLM\SYSTEM\ControlSet002"
SERVICES = rf"{CONTROL_SET}\Services"
CRITICAL = rf"{CONTROL_SET}\Control\CriticalDeviceDatabase"
DATABASE = r"HKLM\SYSTEM\DriverDatabase"
STAGED = "/Windows/Drivers/VirtIO"
BLOCK = r"VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01"
WINDOWS_10, WINDOWS_7 = (10, 0, "19045"), (6, 1, "7601")


def guest_of(
    version: tuple[int, int, str] = WINDOWS_10,
    more: Mapping[str, Content] | None = None,
    system: Keys | None = None,
    arch: str = "x86_64",
) -> tuple[Guest, WritableTree]:
    """A Windows of a version, whose next boot uses ControlSet002, and its tree."""
    software: Keys = dict(SOFTWARE) | {r"Microsoft\Windows\CurrentVersion": {"DevicePath": (2, DEVICE_PATH)}}
    files = windows_tree(software, {**SYSTEM, **(system or {})}, more)
    tree = WritableTree({}, {"/": MemoryWriter(files, ignores_case=True)}, Engine.MEMORY)
    root: Volume = memory_volume("/dev/sda2", "ntfs")
    os = OsInfo(
        OsType.WINDOWS, "windows", ("windows",), "Windows", "Client", version[0], version[1], arch,
        build_id=version[2], windows_systemroot="/Windows",
    )  # fmt: skip
    return Guest(root, os, (Mount("/", root),), tree), tree


DEVICE_PATH = "%SystemRoot%\\inf\0".encode("utf-16-le")


def planned(guest: Guest, source: Path) -> tuple[FileChange, ...]:
    wanted = [Named("virtio-drivers", Order(str(source)))]
    plan = refuse_contradictions(compose(tuple(plan_orders(guest, wanted)), guest.files), guest.files)
    return tuple(change for change in plan if isinstance(change, FileChange))


def remarks(guest: Guest, source: Path) -> list[str]:
    return [one.text for one in order_warnings(guest, [Named("virtio-drivers", Order(str(source)))])]


def carry_out(guest: Guest, tree: WritableTree, source: Path) -> None:
    apply_changes(tree, planned(guest, source))
    assert planned(guest, source) == ()  # a second run finds nothing


def values(files: GuestReader, key: str) -> dict[str, object]:
    """The values of a key as they are meant: text, number, texts or bytes."""
    with ExitStack() as stack:
        found = Registry(files, "/Windows", stack).find(key)
        assert found is not None, key
        return {
            one.name: next((v for v in (one.text, one.number, one.texts) if v is not None), one.data)
            for one in found.values()
        }


def has_key(files: GuestReader, key: str) -> bool:
    with ExitStack() as stack:
        return Registry(files, "/Windows", stack).find(key) is not None


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(virtio_win(), tmp_path_factory.mktemp("virtio-win"))


def test_the_service_that_the_boot_loads(everything: Path) -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, everything)
    for name, bus in (("viostor", 1), ("vioscsi", 0x0A)):
        found = values(tree, rf"{SERVICES}\{name}")
        assert found["ImagePath"] == rf"System32\drivers\{name}.sys"
        assert (found["Type"], found["Start"], found["ErrorControl"]) == (1, 0, 1)
        assert found["Group"] == "SCSI miniport"
        assert values(tree, rf"{SERVICES}\{name}\Parameters") == {"BusType": bus}
        assert values(tree, rf"{SERVICES}\{name}\Parameters\PnpInterface") == {"5": 1}
        content = (everything / name / "w10" / "amd64" / f"{name}.sys").read_bytes()
        assert tree.read_bytes(f"/Windows/System32/drivers/{name}.sys") == content
    assert not has_key(tree, rf"{SERVICES}\netkvm")  # Plug and Play installs it, with its bindings
    assert not has_key(tree, r"HKLM\SYSTEM\ControlSet001\Services\viostor")


def test_since_windows_8_the_driver_database_knows_the_device(everything: Path) -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, everything)
    assert values(tree, rf"{DATABASE}\DeviceIds\PCI\{BLOCK}") == {"virtio-viostor.inf": b"\x01\xff\0\0"}
    assert values(tree, rf"{DATABASE}\DeviceIds\PCI\VEN_1AF4&DEV_1042") == {
        "virtio-viostor.inf": b"\x02\xff\0\0"
    }
    classes = values(tree, rf"{DATABASE}\DeviceIds\{{4d36e97b-e325-11ce-bfc1-08002be10318}}")
    assert classes == {"virtio-vioscsi.inf": b"", "virtio-viostor.inf": b""}
    listed = values(tree, rf"{DATABASE}\DriverInfFiles\virtio-viostor.inf")
    package = "viostor.inf_amd64_virtio"
    assert listed == {"": (package,), "Active": package, "Configurations": ("inst",)}
    top = rf"{DATABASE}\DriverPackages\{package}"
    version = values(tree, top)["Version"]
    assert (
        isinstance(version, bytes) and len(version) == 48 and version[32:40] == b"\x58\x66\x68\0\x5f\0\x64\0"
    )
    assert values(tree, rf"{top}\Configurations\inst")["Service"] == "viostor"
    assert values(tree, rf"{top}\Configurations\inst\Services\viostor\Parameters") == {"BusType": 1}
    interrupts = r"Device\Interrupt Management\MessageSignaledInterruptProperties"
    assert values(tree, rf"{top}\Configurations\inst\{interrupts}") == {"MSISupported": 1}
    assert values(tree, rf"{top}\Descriptors\PCI\{BLOCK}") == {
        "Configuration": "inst",
        "Description": "Red Hat VirtIO SCSI controller",
        "Manufacturer": "Red Hat, Inc.",
    }
    assert not has_key(tree, CRITICAL)


@pytest.mark.parametrize(
    ("version", "arch"), [((5, 1, "2600"), "i386"), ((6, 0, "6003"), "x86_64"), (WINDOWS_7, "x86_64")]
)
def test_before_windows_8_it_is_a_critical_device(
    version: tuple[int, int, str], arch: str, everything: Path
) -> None:
    guest, tree = guest_of(version, arch=arch)
    carry_out(guest, tree, everything)
    for key, service in (
        ("pci#ven_1af4&dev_1001&rev_00", "viostor"),
        ("pci#ven_1af4&dev_1042&subsys_11001af4&rev_01", "viostor"),
        ("pci#ven_1af4&dev_1004", "vioscsi"),
    ):
        found = values(tree, rf"{CRITICAL}\{key}")
        assert found == {"Service": service, "ClassGUID": "{4D36E97B-E325-11CE-BFC1-08002BE10318}"}
    assert not has_key(tree, DATABASE)
    assert values(tree, rf"{SERVICES}\viostor\Parameters") == {"BusType": 1}


def test_all_drivers_are_where_plug_and_play_looks(everything: Path) -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, everything)
    there = {entry.name for entry in tree.list_dir(STAGED)}
    assert there == {
        f"{name}.{ending}"
        for name in ("balloon", "netkvm", "vioscsi", "viostor")
        for ending in ("cat", "inf", "sys")
    }
    path = values(tree, r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion")["DevicePath"]
    assert path == r"%SystemRoot%\inf;%SystemRoot%\Drivers\VirtIO"


def test_a_driver_with_files_in_a_folder_of_its_own(tmp_path: Path) -> None:
    text = other_inf().replace("balloon.sys = 1,,", "balloon.sys = 1,x64")
    files = drivers("w10") | package("b", text, "balloon")
    files["b/x64/balloon.sys"] = files.pop("b/balloon.sys")
    del files["Balloon/w10/amd64/balloon.inf"]
    guest, tree = guest_of()
    carry_out(guest, tree, write_tree(files, tmp_path))
    assert tree.is_file(f"{STAGED}/x64/balloon.sys")


def test_a_file_that_two_drivers_share_is_put_there_once(tmp_path: Path) -> None:
    text = other_inf().replace("balloon.sys = 1,,", "balloon.sys=1\nwdf.dll=1")
    other = other_inf("viorng").replace("viorng.sys = 1,,", "viorng.sys=1\nwdf.dll=1")
    files = drivers("w10") | package("a", text, "balloon") | package("b", other, "viorng")
    del files["Balloon/w10/amd64/balloon.inf"]
    write_tree(files | {"a/wdf.dll": b"wdf", "b/Wdf.dll": b"wdf"}, tmp_path)
    guest, tree = guest_of()
    uploads = [one.path for one in planned(guest, tmp_path) if one.path.casefold().endswith("wdf.dll")]
    assert uploads == [f"{STAGED}/wdf.dll"]
    carry_out(guest, tree, tmp_path)
    assert tree.read_bytes(f"{STAGED}/wdf.dll") == b"wdf"


def test_windows_does_not_stop_a_driver_that_it_did_not_meet_at_first(everything: Path) -> None:
    override: dict[str, Data] = {"0": 3}
    guest, tree = guest_of(
        system={
            r"ControlSet002\Services\viostor": {"Start": 3},
            r"ControlSet002\Services\viostor\StartOverride": override,
        }
    )
    carry_out(guest, tree, everything)
    assert values(tree, rf"{SERVICES}\viostor")["Start"] == 0
    assert not has_key(tree, rf"{SERVICES}\viostor\StartOverride")


# -- what is there already -------------------------------------------------------------------------------------

VIOSTOR: dict[str, Data] = {"Start": 3, "ImagePath": r"\SystemRoot\System32\drivers\viostor.sys"}
RUNS: Keys = {r"ControlSet002\Services\viostor": VIOSTOR}
PROGRAM: dict[str, Content] = {"/Windows/System32/drivers/viostor.sys": "of Windows"}


def test_a_newer_driver_stays_and_is_named_but_is_loaded_at_boot(everything: Path) -> None:
    newer = {"/Windows/INF/oem7.inf": disk_inf(date="01/01/2026", number="100.99.0.1")}
    guest, tree = guest_of(more=PROGRAM | newer, system=RUNS)
    said = [f"viostor stays: the guest has 100.99.0.1 of 2026-01-01, newer than {NUMBER} of 2024-10-07"]
    assert remarks(guest, everything) == said
    carry_out(guest, tree, everything)
    assert tree.read_text("/Windows/System32/drivers/viostor.sys") == "of Windows"
    assert values(tree, rf"{SERVICES}\viostor") == {**VIOSTOR, "Start": 0}
    assert not tree.exists(f"{STAGED}/viostor.inf")
    assert tree.exists(f"{STAGED}/vioscsi.inf")


def test_what_windows_has_installed_in_this_version_stays_without_a_word(everything: Path) -> None:
    guest, tree = guest_of(more=PROGRAM | {"/Windows/INF/oem7.inf": disk_inf()}, system=RUNS)
    assert remarks(guest, everything) == []
    carry_out(guest, tree, everything)
    assert tree.read_text("/Windows/System32/drivers/viostor.sys") == "of Windows"


def test_a_newer_one_of_which_no_service_runs_does_not_count(everything: Path) -> None:
    """Guest tools leave packages in the driver store of a guest that has no such device: it does not boot on them."""
    newer = {"/Windows/INF/oem7.inf": disk_inf(date="01/01/2026")}
    for system, more in ((None, PROGRAM), (RUNS, {})):
        guest, tree = guest_of(more=more | newer, system=system)  # type: ignore[operator]
        assert remarks(guest, everything) == []
        carry_out(guest, tree, everything)
        assert values(tree, rf"{SERVICES}\viostor\Parameters") == {"BusType": 1}


def test_an_older_one_is_renewed(everything: Path, tmp_path: Path) -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, write_tree(drivers("w10", date="01/01/2020", number="1.0.0.0"), tmp_path))
    old = tree.read_bytes("/Windows/System32/drivers/viostor.sys")
    carry_out(guest, tree, everything)
    assert tree.read_text(f"{STAGED}/viostor.inf") == disk_inf()
    assert tree.read_bytes("/Windows/System32/drivers/viostor.sys") == old  # the same program in both, here
    older = tmp_path
    assert len(remarks(guest, older)) == 4 and planned(guest, older) == ()


def test_inf_files_of_the_guest_that_do_not_parse_say_nothing(everything: Path) -> None:
    odd: dict[str, Content] = {
        "/Windows/INF/oem1.inf": "VEN_1AF4 before the first section",
        "/Windows/INF/oem2.inf": "[Version]\nCatalogFile=viostor.cat\nDriverVer=QEMU\n",
        "/Windows/INF/oem3.inf": b"VEN_1AF4" + bytes(5 << 20),
    }
    guest, tree = guest_of(more=PROGRAM | odd, system=RUNS)
    assert remarks(guest, everything) == []
    carry_out(guest, tree, everything)
    assert tree.exists(f"{STAGED}/viostor.inf")


def test_a_device_path_of_ones_own_is_kept(everything: Path) -> None:
    guest, tree = guest_of()
    own = r"%SystemRoot%\inf;D:\Drivers;%systemroot%\drivers\virtio"
    software = dict(SOFTWARE) | {
        r"Microsoft\Windows\CurrentVersion": {"DevicePath": (2, f"{own}\0".encode("utf-16-le"))}
    }
    files = windows_tree(software)
    tree = WritableTree({}, {"/": MemoryWriter(files, ignores_case=True)}, Engine.MEMORY)
    guest = Guest(guest.root, guest.os, guest.mounts, tree)
    carry_out(guest, tree, everything)
    assert values(tree, r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion")["DevicePath"] == own


# -- what is refused -------------------------------------------------------------------------------------------


def test_nothing_for_this_windows_says_what_there_is(everything: Path) -> None:
    guest, _ = guest_of((5, 1, "2600"))
    with pytest.raises(
        UnsupportedGuest, match=r"no virtio driver for Windows 5\.1 build 2600, amd64"
    ) as caught:
        planned(guest, everything)
    assert "x86: 2k3, w10, w7, xp" in caught.value.hint


def test_a_guest_of_unknown_processor(everything: Path) -> None:
    guest, _ = guest_of(arch="unknown")
    with pytest.raises(UnsupportedGuest, match="the guest's processor is not known"):
        planned(guest, everything)


def test_it_is_not_for_other_systems(everything: Path) -> None:
    guest, tree = guest_of()
    guest = Guest(guest.root, OsInfo(OsType.LINUX, "debian"), guest.mounts, tree)
    with pytest.raises(UnsupportedGuest, match="virtio-drivers is not for debian"):
        planned(guest, everything)


def test_drivers_that_are_not_there(tmp_path: Path) -> None:
    guest, _ = guest_of()
    with pytest.raises(HostError, match="no such file or folder on the host"):
        planned(guest, tmp_path / "virtio-win.iso")
