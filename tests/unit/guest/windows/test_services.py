"""Services and drivers of a Windows guest, and QEMU's among them."""

from __future__ import annotations

import pytest

from imgtools.guest.windows.services import (
    VIRTIO,
    display_name,
    driver_path,
    program_of,
    read_services,
    read_virtio,
)
from imgtools.records.windows import VirtioDriver, WindowsService
from tests.support.hives import Data, Keys
from tests.support.windows import windows_facts

SERVICES = r"ControlSet002\Services"


def expand(text: str) -> tuple[int, bytes]:
    return 2, f"{text}\0".encode("utf-16-le")


def services(keys: Keys, software: Keys | None = None) -> dict[str, WindowsService]:
    with windows_facts(software, {rf"{SERVICES}\{name}": values for name, values in keys.items()}) as facts:
        found = {one.name: one for one in read_services(facts)}
        assert facts.warnings == []
        return found


def test_a_service_of_svchost_says_what_it_loads() -> None:
    found = services(
        {
            "Bits": {
                "Type": 0x20, "Start": 2, "DelayedAutostart": 1, "ObjectName": "LocalSystem", "Group": "G",
                "DisplayName": "@%SystemRoot%\\system32\\qmgr.dll,-1000",
                "ImagePath": expand(r"%SystemRoot%\System32\svchost.exe -k netsvcs -p"),
            },
            r"Bits\Parameters": {"ServiceDll": expand(r"%SystemRoot%\System32\qmgr.dll")},
        }
    )  # fmt: skip
    assert found["Bits"] == WindowsService(
        "Bits", "shared-process", "delayed", "", "/Windows/System32/svchost.exe",
        "/Windows/System32/qmgr.dll", "LocalSystem", "G",
    )  # fmt: skip


def test_a_service_may_keep_its_library_in_its_own_key() -> None:
    found = services({"x": {"Type": 0x20, "ServiceDll": expand(r"%SystemRoot%\System32\x.dll")}})
    assert found["x"].library == "/Windows/System32/x.dll"


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (1, "kernel-driver"), (2, "file-system-driver"), (4, "adapter"), (8, "recognizer"), (0x10, "own-process"),
        (0x20, "shared-process"), (0x110, "own-process"), (0x60, "user-process"), (0xD0, "user-process"),
    ],
)  # fmt: skip
def test_kinds(type_: int, kind: str) -> None:
    assert services({"x": {"Type": type_, "Start": 3}})["x"].kind == kind


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"Start": 0}, "boot"), ({"Start": 1}, "system"), ({"Start": 2}, "auto"), ({"Start": 3}, "manual"),
        ({"Start": 4}, "disabled"), ({"Start": 5}, ""), ({}, ""), ({"Start": "2"}, ""),
        ({"Start": 2, "DelayedAutostart": 0}, "auto"), ({"Start": 3, "DelayedAutostart": 1}, "manual"),
    ],
)  # fmt: skip
def test_starts(values: dict[str, Data], start: str) -> None:
    assert services({"x": {"Type": 0x10, **values}})["x"].start == start


def test_what_is_no_service_is_left_out() -> None:
    """Counters of performance stand between services; Tcpip of the test's guest has no Type either."""
    keys: Keys = {r".NET CLR Data\Performance": {"Library": "x.dll"}, "odd": {"Type": 0, "Start": 2}}
    assert services(keys) == {}


@pytest.mark.parametrize(
    ("command", "program"),
    [
        (r'"C:\Program Files\a b\x.exe" -k "y z"', r"C:\Program Files\a b\x.exe"),
        (r"C:\Program Files\a b\x.exe -k y", r"C:\Program Files\a b\x.exe"),
        (r"C:\x.EXE", r"C:\x.EXE"),
        (r"C:\my.executables\x.exe,1", r"C:\my.executables\x.exe"),
        ("C:\\tools\\runner -x y.exe.txt", r"C:\tools\runner"),
        ('"C:\\cut', r"C:\cut"),
        ("", ""),
    ],
)
def test_programs_of_command_lines(command: str, program: str) -> None:
    assert program_of(command) == program


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"System32\drivers\viostor.sys", "/Windows/System32/drivers/viostor.sys"),
        (r"\SystemRoot\System32\drivers\x.sys", "/Windows/System32/drivers/x.sys"),
        (r"%SystemRoot%\System32\drivers\x.sys", "/Windows/System32/drivers/x.sys"),
        (r"\??\C:\Program Files\x y.sys", "/Program Files/x y.sys"),
        ('"system32\\x.sys"', "/Windows/system32/x.sys"),
    ],
)
def test_paths_of_drivers(text: str, path: str) -> None:
    with windows_facts() as facts:
        assert driver_path(facts.registry, text) == path


def test_a_driver_without_a_path_is_found_by_its_name_and_a_service_is_not() -> None:
    found = services({"Ntfs": {"Type": 2, "Start": 3}, "x": {"Type": 0x10, "Start": 3}})
    assert (found["Ntfs"].file, found["x"].file) == ("/Windows/System32/drivers/Ntfs.sys", "")


def test_variables_in_paths() -> None:
    """Without the value of one there is no path: a made-up one would be looked for."""
    version: Keys = {r"Microsoft\Windows\CurrentVersion": {"ProgramFilesDir": r"C:\Programme"}}
    keys: Keys = {
        "a": {"Type": 0x10, "ImagePath": expand(r'"%ProgramFiles%\A B\a.exe" -x')},
        "b": {"Type": 0x10, "ImagePath": expand(r"%PROGRAMDATA%\b.exe")},
        "c": {"Type": 0x10, "ImagePath": expand(r"%HOMESHARE%\c.exe")},
    }
    files = {name: one.file for name, one in services(keys, version).items()}
    assert files == {"a": "/Programme/A B/a.exe", "b": "/ProgramData/b.exe", "c": ""}


def test_names_that_are_text() -> None:
    assert display_name("@oem3.inf,%x%;Red Hat VirtIO") == "Red Hat VirtIO"
    assert display_name("@%systemroot%\\system32\\wuaueng.dll,-105") == ""
    assert display_name("nginx; the server") == "nginx; the server"


def test_drivers_of_qemu_there_or_not() -> None:
    keys: Keys = {
        rf"{SERVICES}\viostor": {"Type": 1, "Start": 0, "ImagePath": r"System32\drivers\viostor.sys"},
        rf"{SERVICES}\VirtioFsDrv": {
            "Type": 2,
            "Start": 3,
            "ImagePath": r"\SystemRoot\System32\drivers\VIOFS.sys",
        },
        rf"{SERVICES}\vioscsi": {"Type": 1, "Start": 0, "ImagePath": r"System32\drivers\vioscsi.sys"},
        rf"{SERVICES}\netkvm": {"Type": 0x10, "Start": 2, "ImagePath": r"C:\netkvm.sys"},  # no driver
    }
    there = {f"/Windows/System32/drivers/{name}.sys": b"MZ" for name in ("viostor", "viofs")}
    with windows_facts(system=keys, more=there) as facts:
        found = {one.name: one for one in read_virtio(facts, read_services(facts))}
    assert tuple(found) == VIRTIO
    assert found["viostor"] == VirtioDriver(
        "viostor", True, "viostor", "boot", "/Windows/System32/drivers/viostor.sys"
    )
    assert (found["viofs"].present, found["viofs"].service) == (True, "VirtioFsDrv")
    # Registered, but its file is gone: a guest with that one does not boot.
    assert (found["vioscsi"].present, found["vioscsi"].start) == (False, "boot")
    assert found["netkvm"] == VirtioDriver("netkvm", False)
