"""imgtools customize of Windows guests, on the fixtures: what is written, as other readers see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import UnsupportedGuest
from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import copy_fixture

DIRECT = ("--engine", "direct")
ZONE = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
ZONES_REG = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\Tokyo Standard Time]
"Std"="Tokyo Standard Time"
"Dlt"="Tokyo Daylight Time"
"MUI_Std"="@tzres.dll,-632"
"MUI_Dlt"="@tzres.dll,-631"
"TZI"=hex:e4,fd,ff,ff,00,00,00,00,c4,ff,ff,ff,00,00,00,00,00,00,00,00,00,00,\
  00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00
"""


@pytest.fixture(params=["windows", "windows11"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (image,) = copy_fixture(request.param, tmp_path)
    qemu_img("convert", "-O", "qcow2", image, tmp_path / "disk.qcow2")
    return tmp_path / "disk.qcow2"


def got(disk: Path, key: str, name: str) -> str:
    return imgtools("registry", "get", disk, key, name).out.rstrip("\n")


def test_the_time_zone(disk: Path, tmp_path: Path) -> None:
    ran = imgtools("customize", disk, "--timezone", "Asia/Tokyo", *DIRECT, code=UnsupportedGuest.exit_code)
    assert "which Windows calls Tokyo Standard Time" in ran.err
    (tmp_path / "zones.reg").write_text(ZONES_REG)
    imgtools("registry", "merge", disk, tmp_path / "zones.reg", "--write")
    imgtools("customize", disk, "--timezone", "Asia/Tokyo", *DIRECT, "--write")
    assert got(disk, ZONE, "TimeZoneKeyName") == "Tokyo Standard Time"
    details = imgtools("inspect", disk, "--json").data["guests"][0]["windows"]
    assert (details["timezone"], details["utc_offset"]) == ("Tokyo Standard Time", 540)
    assert not imgtools("customize", disk, "--timezone", "Asia/Tokyo", *DIRECT, "--json").data["changed"]


def test_a_reg_file(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "a.reg").write_text('[HKEY_LOCAL_MACHINE\\SOFTWARE\\New]\n"n"=dword:7\n')
    shown = imgtools("customize", disk, "--registry", tmp_path / "a.reg", *DIRECT)
    assert r"set n of HKEY_LOCAL_MACHINE\SOFTWARE\New" in shown.out
    imgtools("customize", disk, "--registry", tmp_path / "a.reg", *DIRECT, "--write")
    assert got(disk, r"HKLM\SOFTWARE\New", "n") == "7"


def test_scripts_of_the_first_boot(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "setup.ps1").write_text("Get-Date\n")
    words = ("--firstboot", tmp_path / "setup.ps1", "--firstboot-command", "net user")
    imgtools("customize", disk, *words, *DIRECT, "--write")
    folder = r"C:\ProgramData\imgtools\firstboot"
    assert imgtools("ls", disk, rf"{folder}\scripts").out.split() == ["0001-setup.ps1", "0002-command.cmd"]
    assert imgtools("cat", disk, rf"{folder}\scripts\0001-setup.ps1").out == "Get-Date\n"
    started = imgtools("cat", disk, r"C:\Windows\System32\GroupPolicy\Machine\Scripts\scripts.ini").out
    assert "0CmdLine=%SystemDrive%\\ProgramData\\imgtools\\firstboot\\start.cmd" in started
    assert not imgtools("customize", disk, *words, *DIRECT, "--json").data["changed"]


def test_remote_desktop(disk: Path) -> None:
    imgtools("customize", disk, "--remote-desktop", *DIRECT, "--write")
    control = r"HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server"
    assert got(disk, control, "fDenyTSConnections") == "0"
    assert got(disk, rf"{control}\WinStations\RDP-Tcp", "UserAuthentication") == "1"
