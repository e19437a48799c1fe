"""imgtools customize of Windows guests, on the fixtures: what is written, as other readers see it."""

from __future__ import annotations

import base64
import tarfile
from pathlib import Path

import pytest

from imgtools.errors import HostError, UnsupportedGuest
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


DOMAIN = r"HKLM\SECURITY\Policy\PolPrDmS"
SID = "01040000000000051500000001000000020000000300000000000000"


def test_it_generalises_itself_at_the_next_boot(disk: Path, tmp_path: Path) -> None:
    words = ("--generalize", "reboot", "--hostname", "web-1", *DIRECT)
    imgtools("registry", "set", disk, DOMAIN, "--default", SID, "--type", "binary", "--write")
    ran = imgtools("customize", disk, *words, code=UnsupportedGuest.exit_code)
    assert "has joined the domain" in ran.err
    imgtools("registry", "delete", disk, DOMAIN, "--write")
    (tmp_path / "password").write_text("s3cret-Word\n")
    ran = imgtools(
        "sysprep", disk, *words, "--password", f"Administrator:file:{tmp_path}/password", "--write", "--json"
    )
    assert "s3cret" not in ran.out + ran.err
    assert "lies in the image" in ran.out
    answers = imgtools("cat", disk, r"C:\ProgramData\imgtools\firstboot\unattend.xml").out
    assert "<ComputerName>web-1</ComputerName>" in answers and "<AdministratorPassword>" in answers
    hidden = answers.partition("<Value>")[2].partition("<")[0]
    assert base64.b64decode(hidden).decode("utf-16-le") == "s3cret-WordAdministratorPassword"
    assert imgtools("ls", disk, r"C:\ProgramData\imgtools\firstboot\scripts").out.split() == [
        "0001-generalize.cmd"
    ]
    # Preparing it once more does not take away what its setup is to be told.
    imgtools("sysprep", disk, *DIRECT, "--write")
    assert imgtools("cat", disk, r"C:\ProgramData\imgtools\firstboot\unattend.xml").out == answers


def test_a_user_with_a_random_password(disk: Path, tmp_path: Path) -> None:
    told = tmp_path / "passwords"
    words = ("--user", "bob:sudo=yes", "--password", "bob:random", "--password-output", told)
    ran = imgtools("customize", disk, *words, *DIRECT, "--write")
    password = told.read_text().strip().partition(":")[2]
    assert password not in ran.out + ran.err
    script = imgtools("cat", disk, r"C:\ProgramData\imgtools\firstboot\scripts\0002-password.ps1").out
    assert base64.b64encode(password.encode()).decode() in script


def test_files_by_their_drive(disk: Path, tmp_path: Path) -> None:
    """Every order of files that NTFS can hold; each is read back by another reader than wrote it."""
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "a.txt").write_text("old\n")
    (tmp_path / "b.txt").write_text("b\n")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "b.txt", "packed/c.txt")
    imgtools(
        "customize", disk, "--mkdir", r"C:\Tools\new", "--copy-in", rf"{tmp_path}/tree:C:\Tools",
        "--upload", rf"{tmp_path}/b.txt:C:\Tools\b.txt", "--tar-in", rf"{tmp_path}/t.tar.gz:C:\Tools",
        "--edit", r"C:\Tools\tree\deep\a.txt:s/old/new/", "--touch", r"C:\Tools\empty",
        "--move", r"C:\Tools\b.txt:C:\Tools\d.txt", "--truncate", r"C:\Tools\packed\c.txt",
        "--copy", r"C:\Tools\d.txt:C:\Tools\e.txt", "--write-file", r"C:\Tools\f:x", "--scrub", r"C:\Tools\f",
        *DIRECT, "--write",
    )  # fmt: skip
    assert imgtools("ls", disk, r"C:\Tools").out.split() == [
        "d.txt",
        "e.txt",
        "empty",
        "new",
        "packed",
        "tree",
    ]
    assert imgtools("cat", disk, r"C:\Tools\tree\deep\a.txt").out == "new\n"
    assert imgtools("cat", disk, r"C:\Tools\e.txt").out == "b\n"
    assert imgtools("cat", disk, r"C:\Tools\packed\c.txt").out == ""


def test_what_ntfs_does_not_have_is_refused_before_anything_is_written(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to("nowhere")
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        archive.add(tmp_path / "tree", "tree")
    for words in (("--copy-in", f"{tmp_path}/tree:/Users"), ("--tar-in", f"{tmp_path}/t.tar:/Users")):
        ran = imgtools("customize", disk, *words, *DIRECT, code=HostError.exit_code)
        assert "NTFS has no links" in ran.err
    for words in (("--chmod", "0644:/Users"), ("--chown", "0:/Users"), ("--link", "/Users:/U")):
        ran = imgtools("customize", disk, *words, *DIRECT, code=UnsupportedGuest.exit_code)
        assert "hint: NTFS has no owners, modes and links" in ran.err
    ran = imgtools("customize", disk, "--root-password", "random", *DIRECT, code=UnsupportedGuest.exit_code)
    assert "--password NAME:SELECTOR" in ran.err
