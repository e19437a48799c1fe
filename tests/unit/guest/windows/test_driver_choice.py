"""Which drivers of a virtio-win are for a guest: by version, processor, folder and age."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.executables import pe
from imgtools.errors import HostError, UnsupportedGuest
from imgtools.guest.windows.driver_choice import Choice, choose_drivers
from imgtools.guest.windows.driver_source import open_source
from imgtools.guest.windows.target_os import TargetOs
from tests.support.virtio import disk_inf, drivers, other_inf, package, virtio_win, write_tree

GUESTS = {
    "XP": (TargetOs(5, 1, 2600, "x86", 1), "xp/x86"),
    "XP x64": (TargetOs(5, 2, 3790, "amd64", 1), "2k3/amd64"),
    "Server 2003": (TargetOs(5, 2, 3790, "x86", 3), "2k3/x86"),
    "Server 2008": (TargetOs(6, 0, 6003, "amd64", 3), "2k8/amd64"),
    "7": (TargetOs(6, 1, 7601, "x86", 1), "w7/x86"),
    "Server 2008 R2": (TargetOs(6, 1, 7601, "amd64", 2), "2k8R2/amd64"),
    "8, of which there is nothing": (TargetOs(6, 2, 9200, "amd64", 1), "w7/amd64"),
    "8.1": (TargetOs(6, 3, 9600, "amd64", 1), "w8.1/amd64"),
    "Server 2012 R2": (TargetOs(6, 3, 9600, "amd64", 3), "2k12R2/amd64"),
    "10": (TargetOs(10, 0, 19045, "amd64", 1), "w10/amd64"),
    "10 x86": (TargetOs(10, 0, 19045, "x86", 1), "w10/x86"),
    "11": (TargetOs(10, 0, 26100, "amd64", 1), "w11/amd64"),
    "11 ARM64": (TargetOs(10, 0, 22631, "arm64", 1), "w11/arm64"),
    "10 ARM64": (TargetOs(10, 0, 19045, "arm64", 1), "w10/arm64"),
    "Server 2016": (TargetOs(10, 0, 14393, "amd64", 3), "2k16/amd64"),
    "Server 2019": (TargetOs(10, 0, 17763, "amd64", 3), "2k19/amd64"),
    "Server 2022": (TargetOs(10, 0, 20348, "amd64", 3), "2k22/amd64"),
    "Server 2025": (TargetOs(10, 0, 26100, "amd64", 3), "2k25/amd64"),
    "10 of unknown build": (TargetOs(10, 0, 0, "amd64", 1), "w11/amd64"),
}
WINDOWS_10, WINDOWS_7 = GUESTS["10"][0], GUESTS["7"][0]


def chosen(files: dict[str, bytes], target: TargetOs, folder: Path) -> Choice:
    return choose_drivers(open_source(write_tree(files, folder)), target)


def paths(choice: Choice) -> dict[str, str]:
    return {one.name: one.inf_path for one in choice.drivers}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(virtio_win(), tmp_path_factory.mktemp("virtio-win"))


@pytest.mark.parametrize("name", GUESTS)
def test_each_guest_gets_its_own(name: str, everything: Path) -> None:
    target, folder = GUESTS[name]
    choice = choose_drivers(open_source(everything), target)
    assert paths(choice) == {
        "balloon": f"Balloon/{folder}/balloon.inf",
        "netkvm": f"NetKVM/{folder}/netkvm.inf",
        "vioscsi": f"vioscsi/{folder}/vioscsi.inf",
        "viostor": f"viostor/{folder}/viostor.inf",
    }
    assert [one.is_storage for one in choice.drivers] == [False, False, True, True]
    assert [file.path for file in choice.drivers[3].files] == ["viostor.inf", "viostor.cat", "viostor.sys"]
    assert choice.warnings == ()


@pytest.mark.parametrize(
    ("target", "files", "there"),
    [
        (WINDOWS_7, drivers("w10", "x86"), "x86: w10"),  # the kernel of 7 lacks what a driver of 10 calls
        (WINDOWS_7, drivers("w7", "amd64"), "amd64: w7"),
        (WINDOWS_7, drivers("w7", "x86", "NTx86.10.0"), "x86: w7"),
        (WINDOWS_10, drivers("2k3", "amd64") | drivers("w11", "arm64"), "amd64: 2k3; arm64: w11"),
        (
            WINDOWS_10,
            drivers("2k25") | drivers("any", "amd64", "NTamd64.10.0...26100"),
            "amd64: 2k25, Windows 10.0 and",
        ),
    ],
)
def test_nothing_for_the_guest_is_an_error_that_says_what_there_is(
    target: TargetOs, files: dict[str, bytes], there: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedGuest, match="no virtio driver for Windows") as caught:
        chosen(files, target, tmp_path)
    assert caught.value.hint.startswith(f"there are {there}")


def test_a_disk_without_a_driver_is_not_passed_over(tmp_path: Path) -> None:
    """With the network's alone the guest would not boot, and nobody would have said so."""
    files = drivers("w10") | drivers("w7", "x86")
    for name in ("viostor", "vioscsi"):
        files = {path: content for path, content in files.items() if not path.startswith(f"{name}/w10")}
    with pytest.raises(UnsupportedGuest, match="no virtio driver"):
        chosen(files, WINDOWS_10, tmp_path / "a")
    only_network = {path: content for path, content in files.items() if "vio" not in path}
    assert paths(chosen(only_network, WINDOWS_10, tmp_path / "b")) == {
        "balloon": "Balloon/w10/amd64/balloon.inf",
        "netkvm": "NetKVM/w10/amd64/netkvm.inf",
    }


def test_the_inf_file_decides_not_the_name_of_the_processors_folder(tmp_path: Path) -> None:
    files = package("x86", disk_inf(), "viostor") | package(
        "amd64", disk_inf("viostor", "NTx86"), "viostor", "x86"
    )
    assert paths(chosen(files, WINDOWS_10, tmp_path)) == {"viostor": "x86/viostor.inf"}


def test_flat_folders_and_other_names_of_systems(tmp_path: Path) -> None:
    files = package("one", disk_inf(date="01/01/2020"), "viostor") | package("two", disk_inf(), "viostor")
    assert paths(chosen(files, WINDOWS_10, tmp_path / "a")) == {"viostor": "two/viostor.inf"}
    names = ("Win7", "Win8.1", "Win2012R2", "WinXP", "Win2008", "Win2016")
    files = {}
    for name in names:
        files |= package(f"drivers/amd64/{name}", disk_inf(), "viostor")
    for target, name in ((WINDOWS_10, "Win2016"), (TargetOs(6, 3, 9600, "amd64", 3), "Win2012R2")):
        assert paths(chosen(files, target, tmp_path / "b")) == {
            "viostor": f"drivers/amd64/{name}/viostor.inf"
        }


def test_a_closer_decoration_wins_and_then_the_newer_driver(tmp_path: Path) -> None:
    files = package("a", disk_inf("viostor", "NTamd64.10.0"), "viostor")
    files |= package("b", disk_inf("viostor", "NTamd64.6.1", date="12/31/2025"), "viostor")
    files |= package("c", disk_inf("viostor", "NTamd64.10.0", number="100.96.0.0"), "viostor")
    assert paths(chosen(files, WINDOWS_10, tmp_path)) == {"viostor": "c/viostor.inf"}


def test_a_folder_of_a_later_system_wins_over_an_older_decoration(tmp_path: Path) -> None:
    files = package("w8.1", disk_inf("viostor", "NTamd64.6.3"), "viostor")
    files |= package("w10", disk_inf("viostor", "NTamd64"), "viostor")
    assert paths(chosen(files, WINDOWS_10, tmp_path)) == {"viostor": "w10/viostor.inf"}


def test_a_program_of_another_processor_is_not_taken(tmp_path: Path) -> None:
    """INF files for XP did not have to say: what is undecorated would be x86's."""
    files = package("a", disk_inf("viostor", "NTx86"), "viostor")
    files["a/viostor.sys"] = pe("x86_64")
    with pytest.raises(UnsupportedGuest):
        chosen(files, WINDOWS_7, tmp_path)


def test_names_have_no_letter_case(tmp_path: Path) -> None:
    files = package("a", disk_inf(), "viostor")
    files = {path.upper(): content for path, content in files.items()}
    assert paths(chosen(files, WINDOWS_10, tmp_path)) == {"viostor": "A/VIOSTOR.INF"}


@pytest.mark.parametrize("lost", ["viostor.cat", "viostor.sys"])
def test_a_driver_of_a_disk_that_is_not_complete_is_an_error(lost: str, tmp_path: Path) -> None:
    files = package("a", disk_inf(), "viostor")
    del files[f"a/{lost}"]
    with pytest.raises(HostError, match=rf"a/viostor\.inf is not complete: it lacks {lost}"):
        chosen(files, WINDOWS_10, tmp_path)


def test_a_driver_without_a_catalog_is_not_signed(tmp_path: Path) -> None:
    files = package("a", disk_inf().replace("CatalogFile", ";"), "viostor")
    with pytest.raises(HostError, match="it lacks the name of its catalog"):
        chosen(files, WINDOWS_10, tmp_path)


def test_another_driver_that_is_not_complete_is_left_out_with_a_warning(tmp_path: Path) -> None:
    files = package("a", disk_inf(), "viostor") | package("a", other_inf(), "balloon")
    del files["a/balloon.cat"]
    choice = chosen(files, WINDOWS_10, tmp_path)
    assert list(paths(choice)) == ["viostor"]
    assert "a/balloon.inf is not complete: it lacks balloon.cat" in choice.warnings[0].text


def test_a_stub_gives_way_to_the_driver_of_its_device(tmp_path: Path) -> None:
    """fwcfg and qemufwcfg are for one device: with both, Windows may take the one that does nothing."""
    stub = other_inf("qemufwcfg", id=r"ACPI\QEMU0002").replace(
        "AddService = qemufwcfg,%ASSOC%, Inst", "AddService = ,2"
    )
    files = package("a", disk_inf(), "viostor") | package("a", stub, "qemufwcfg")
    assert list(paths(chosen(files, WINDOWS_10, tmp_path / "a"))) == ["qemufwcfg", "viostor"]
    files |= package("a", other_inf("fwcfg", id=r"ACPI\VEN_QEMU&DEV_0002, ACPI\QEMU0002"), "fwcfg")
    files |= package("a", other_inf("pvpanic", id=r"ACPI\QEMU0002"), "pvpanic")
    assert list(paths(chosen(files, WINDOWS_10, tmp_path / "b"))) == ["fwcfg", "pvpanic", "viostor"]


def test_drivers_of_other_makers_are_not_looked_at(tmp_path: Path) -> None:
    files = package("a", other_inf(id=r"PCI\VEN_8086&DEV_2930"), "smbus") | {"b.inf": b"no INF file at all"}
    with pytest.raises(HostError, match=r"no driver of a virtio device in .*") as caught:
        chosen(files, WINDOWS_10, tmp_path)
    assert "its 2 INF files are of others" in caught.value.hint


def test_a_folder_without_inf_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no INF file in "):
        chosen({"virtio-win.txt": b""}, WINDOWS_10, tmp_path)


def test_a_damaged_inf_file_is_named_with_its_line(tmp_path: Path) -> None:
    files = package("a", disk_inf().replace("[Files]", "[Files"), "viostor")
    with pytest.raises(HostError, match=r": a/viostor\.inf, line \d+: not the name of a section"):
        chosen(files, WINDOWS_10, tmp_path)


def test_another_that_is_damaged_is_left_out_with_a_warning(tmp_path: Path) -> None:
    odd = other_inf().replace("[Drivers]", "[Drivers")
    files = package("a", disk_inf(), "viostor") | package("a", odd, "balloon")
    choice = chosen(files, WINDOWS_10, tmp_path)
    assert list(paths(choice)) == ["viostor"]
    (warning,) = choice.warnings
    assert (
        "left out: " in warning.text and "a/balloon.inf, line 20: not the name of a section" in warning.text
    )


def test_two_drivers_may_share_a_file_but_not_a_name(tmp_path: Path) -> None:
    """All go into one folder: one would be left with a file that its catalog does not know."""
    shared = other_inf("viorng", id=r"PCI\VEN_1AF4&DEV_1005").replace(
        "viorng.sys = 1,,", "viorng.sys=1\nwdf.dll=1"
    )
    other = other_inf().replace("balloon.sys = 1,,", "balloon.sys=1\nWdf.dll=1")
    files = (
        package("a", disk_inf(), "viostor") | package("r", shared, "viorng") | package("b", other, "balloon")
    )
    files |= {"r/wdf.dll": b"one", "b/wdf.dll": b"one"}
    assert list(paths(chosen(files, WINDOWS_10, tmp_path))) == ["balloon", "viorng", "viostor"]
    choice = chosen(files | {"r/wdf.dll": b"two"}, WINDOWS_10, tmp_path)
    assert list(paths(choice)) == ["balloon", "viostor"]
    assert choice.warnings[0].text == "left out: r/viorng.inf: its wdf.dll is not the one of b/balloon.inf"


def test_a_driver_of_a_disk_that_the_boot_would_not_load(tmp_path: Path) -> None:
    files = package("a", disk_inf().replace("SERVICE_BOOT_START     = 0", "SERVICE_BOOT_START=3"), "viostor")
    with pytest.raises(HostError, match=r"a/viostor\.inf has no service that is loaded at boot"):
        chosen(files, WINDOWS_10, tmp_path)


def test_files_that_windows_has_itself_are_not_asked_for(tmp_path: Path) -> None:
    """qemupciserial.inf names serial.sys among its files, and copies nothing."""
    serial = other_inf("qemupciserial", id=r"PCI\VEN_1b36&DEV_0002").replace("CopyFiles=Drivers\n", "")
    files = package("a", disk_inf(), "viostor") | package("a", serial, "qemupciserial")
    del files["a/qemupciserial.sys"]
    choice = chosen(files, WINDOWS_10, tmp_path)
    assert [file.path for file in choice.drivers[0].files] == ["qemupciserial.inf", "qemupciserial.cat"]
    assert choice.warnings == ()


def test_utf_16_as_some_are(tmp_path: Path) -> None:
    files = package("a", disk_inf(), "viostor")
    files["a/viostor.inf"] = disk_inf().encode("utf-16")
    assert list(paths(chosen(files, WINDOWS_10, tmp_path))) == ["viostor"]
