"""imgtools make --bootable: what is refused before anything is written, and that nothing is left of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.support.command import imgtools
from tests.support.linux_boot import FILES, NEW
from tests.support.memory import Node
from tests.support.new_disks import add

pytestmark = pytest.mark.host
UEFI = "/usr/lib/grub/x86_64-efi/modinfo.sh"
KERNELS = tuple(path for path in FILES if path.startswith("/boot/vmlinuz"))
ELF = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little")  # for x86_64


def root(folder: Path, *lost: str) -> Path:
    """An archive of a Debian with a kernel and GRUB for both firmwares, as far as files say that, without some."""
    files = {**FILES, UEFI: "", "/usr/bin/ls": ELF, "/etc/os-release": "ID=debian\n"}
    with tarfile.open(folder / "root.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            if isinstance(content, Node):
                add(archive, path[1:], kind=tarfile.SYMTYPE, target=content.target)
            elif path not in lost:
                add(archive, path[1:], content.encode() if isinstance(content, str) else content)
    return folder / "root.tar"


def refused(folder: Path, *words: str, code: int, lost: tuple[str, ...] = ()) -> str:
    ran = imgtools("make", folder / "new.qcow2", "--from", root(folder, *lost), *words, code=code)
    assert sorted(one.name for one in folder.iterdir()) == ["root.tar"]
    assert ran.err.count("\n") <= 2
    return str(ran.err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bootable", "bios,efi"), "no such firmware: 'efi'"),
        (("--bootable", "bios", "--floppy"), "a floppy has none"),
        (("--bootable", "bios", "--partition", "none"), "needs a table"),
        (("--bootable", "uefi", "--partition", "apm"), "no such table"),
        (("--bootable", "uefi", "--type", "ntfs"), "boots no Linux from ntfs"),
        (("--bootable", "uefi", "--type", "iso"), "boots no Linux from iso9660"),
        (("--bootable", "uefi", "--layout", "bootroot"), "chooses the partitions itself"),
        (("--bootable", "bios", "--esp", "64M"), "a BIOS has no EFI"),
        (("--bootable", "uefi", "--esp", "1M"), "too small for GRUB"),
    ],
)
def test_words_that_do_not_fit(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused(tmp_path, *words, code=2)


def test_no_kernel(tmp_path: Path) -> None:
    said = refused(tmp_path, "--bootable", "bios", code=48, lost=KERNELS)
    assert "no kernel" in said and "linux-image" in said


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (UEFI, "grub-efi-amd64-bin"),
        ("/usr/lib/grub/i386-pc/modinfo.sh", "grub-pc-bin"),
        ("/usr/sbin/grub-install", "grub2-common"),
        ("/usr/sbin/grub-mkconfig", "grub2-common"),
    ],
)
def test_no_grub_for_the_firmware(tmp_path: Path, lost: str, said: str) -> None:
    assert said in refused(tmp_path, "--bootable", "uefi,bios", code=49, lost=(lost,))


def test_a_size_too_small_names_the_least(tmp_path: Path) -> None:
    said = refused(tmp_path, "--bootable", "bios,uefi", "--size", "64M", code=46)
    assert "it needs" in said and NEW not in said


def test_a_size_that_is_too_small_by_a_little(tmp_path: Path) -> None:
    least = (
        refused(tmp_path, "--bootable", "uefi", "--size", "64M", code=46).split("it needs ")[1].split("M")[0]
    )
    less = f"{int(float(least)) - 1}M"
    assert "it needs" in refused(tmp_path, "--bootable", "uefi", "--size", less, code=46)


def test_no_files_have_no_kernel(tmp_path: Path) -> None:
    ran = imgtools("make", tmp_path / "new.img", "--bootable", "bios", "--size", "1G", code=48)
    assert "no kernel" in ran.err and list(tmp_path.iterdir()) == []
