"""Programs on an EFI system partition: whose they are, whether they are whole, and what they lead to."""

from __future__ import annotations

import struct

from fixtures.executables import pe
from imgtools.guest.boot.esp import EfiProgram, efi_programs, fallback_path, stubs
from imgtools.guest.boot.grub_place import GrubPlace
from tests.support.memory import Content, memory_files


def program(name: str, section: str = ".text", content: bytes = b"", size: int = 0) -> tuple[str, bytes]:
    """A program with one section at 1024."""
    head = bytearray(pe("x86_64"))
    struct.pack_into("<H", head, 0x80 + 6, 1)
    length = size or len(content)
    struct.pack_into("<8sIIII", head, 0x80 + 24 + 240, section.encode(), length, 0, length, 1024)
    return name, bytes(head) + content


def grub(prefix: bytes) -> bytes:
    text = prefix + b"\0"
    return (
        b"mimg"
        + bytes(4)
        + struct.pack("<QQ", 24, 32 + len(text))
        + struct.pack("<II", 3, 8 + len(text))
        + text
    )


def one(name: str, content: bytes) -> EfiProgram:
    (found,) = efi_programs(memory_files({name: content}, ignores_case=True))
    return found


def test_whose_they_are() -> None:
    shim = b"shim,4,UEFI shim\0" + "\\grubx64.efi".encode("utf-16-le")
    assert one(*program("/EFI/debian/shimx64.efi", ".text", shim)).follower == "grubx64.efi"
    assert (
        one(*program("/EFI/BOOT/BOOTX64.EFI", ".text", b"#### LoaderInfo: systemd-boot 252")).loader
        == "systemd-boot"
    )
    assert one(*program("/EFI/Linux/arch.efi", ".linux")).loader == "uki"
    found = one(*program("/EFI/debian/grubx64.efi", "mods", grub(b"(,gpt1)/boot/grub")))
    assert (found.loader, found.place, found.arch) == (
        "grub",
        GrubPlace("/boot/grub", device=",gpt1"),
        "x86_64",
    )
    assert one("/EFI/tool/tool.efi", pe("aarch64")) == EfiProgram("/EFI/tool/tool.efi", "aarch64")


def test_what_cannot_be_started() -> None:
    problems = [
        one(name, content).problem
        for name, content in (
            ("/EFI/a/a.efi", b""),
            ("/EFI/a/a.efi", bytes(5000)),
            ("/EFI/a/a.efi", b"a text"),
            program("/EFI/a/a.efi", size=9000),
            program("/EFI/Linux/a.efi", ".osrel"),
        )
    ]
    assert problems == [
        "it is empty",
        "it begins with zeros",
        "it is no program of EFI's",
        "it has 1024 bytes of 10024 that its sections take",
        "it has no section .linux",
    ]


def test_configurations_that_lead_on() -> None:
    files: dict[str, Content] = {
        "/EFI/ubuntu/grub.cfg": "search.fs_uuid 0123 root\nset prefix=($root)'/boot/grub'\n",
        "/EFI/whole/grub.cfg": "menuentry 'x' {\n}\n",
    }
    assert [(one.path, one.place) for one in stubs(memory_files(files, ignores_case=True))] == [
        ("/EFI/ubuntu/grub.cfg", GrubPlace("/boot/grub", uuid="0123"))
    ]


def test_what_uefi_starts_when_it_remembers_nothing() -> None:
    assert fallback_path("aarch64") == "/EFI/BOOT/BOOTAA64.EFI"
    assert fallback_path("unknown") == "/EFI/BOOT/BOOTX64.EFI"
