"""Paths of Windows with their drive, in what the customizations take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgtools.errors import NoSuchGuestFile, UnsupportedGuest
from imgtools.guest.guest import Guest
from imgtools.records.disks import Mount
from imgtools.records.system import OsInfo, OsType
from tests.support.customized import carry_out, guest_with
from tests.support.memory import memory_volume


def windows() -> Guest:
    guest, _ = guest_with({"/Windows/x": "", "/D:/y": "", "/old.txt": "a\n"})
    os = OsInfo(OsType.WINDOWS, "windows", windows_systemroot="/Windows")
    data = memory_volume("/dev/sda3", "ntfs")
    mounts = (Mount("/", guest.root), Mount("/D:", data))
    return replace(guest, os=os, mounts=mounts, drives=(("C", guest.root.device), ("D", "/dev/sda3")))


@pytest.mark.parametrize(
    ("name", "text", "path", "content"),
    [
        ("write-file", r"C:\neu.txt:set X=C:\x", "/neu.txt", r"set X=C:\x"),
        ("write-file", "/neu.txt:C:/x", "/neu.txt", "C:/x"),
        ("append-line", r"c:\old.txt:b:c", "/old.txt", "a\r\nb:c\r\n"),
        ("move", r"C:\old.txt:C:\Windows\new.txt", "/Windows/new.txt", "a\n"),
        ("mkdir", r"D:\new", "/D:/new", ""),
    ],
)
def test_a_path_may_have_a_drive(name: str, text: str, path: str, content: str) -> None:
    guest = windows()
    carry_out(guest, guest.files, (name, text))  # type: ignore[arg-type]
    if not content:
        assert guest.files.is_dir(path)
        return
    assert guest.files.read_text(path).replace("\r", "") == content.replace("\r", "")


def test_a_drive_that_is_not_there_is_named() -> None:
    guest = windows()
    with pytest.raises(NoSuchGuestFile, match="no drive E:"):
        carry_out(guest, guest.files, ("mkdir", r"E:\x"))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedGuest, match="the system's drive only"):
        carry_out(guest, guest.files, ("write-file", r"D:\x:y"))  # type: ignore[arg-type]
