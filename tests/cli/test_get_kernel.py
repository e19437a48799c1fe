"""imgtools get-kernel, as it is typed."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Ran, imgtools
from tests.support.fixtures import fixture_image
from tests.support.memory import Content, memory_guest_image, serve

OLD, NEW = "6.1.0-17-amd64", "6.1.0-18-amd64"
UKI = "6.8.9-300.fc40.x86_64"
Run = Callable[..., Ran]


def menu(version: str, more: str = "") -> str:
    """A menu entry of GRUB."""
    return (
        f"menuentry 'Debian {version}' --id '{version}' {{\n"
        f"\tlinux /boot/vmlinuz-{version} root=/dev/sda1 ro\n\tinitrd {more} /boot/initrd.img-{version}\n}}\n"
    )


def unified(parts: dict[str, bytes]) -> bytes:
    """A program of EFI's with sections, as ukify makes it."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 64)
    head += b"PE\0\0" + struct.pack("<HH12xH2x", 0x8664, len(parts), 0)
    table, body, start = b"", b"", 1024
    for name, content in parts.items():
        padded = content.ljust(-(-len(content) // 512) * 512, b"\0")
        table += struct.pack("<8sIIII16x", name.encode(), len(content), 0, len(padded), start + len(body))
        body += padded
    return (head + table).ljust(start, b"\0") + body


GUEST: dict[str, Content] = {
    "/etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "/etc/fstab": "",
    "/etc/debian_version": "12.5\n",
    "/bin/sh": "",
    "/boot/grub/grub.cfg": f'set default="{OLD}"\n' + menu(NEW, "/boot/ucode.img") + menu(OLD),
    "/boot/ucode.img": "microcode",
    **{f"/boot/vmlinuz-{one}": f"kernel {one}" for one in (OLD, NEW)},
    **{f"/boot/initrd.img-{one}": f"initrd {one}" for one in (OLD, NEW)},
    **{f"/lib/modules/{one}/modules.dep": "" for one in (OLD, NEW)},
}
PARTS = {
    ".osrel": b"ID=fedora\n",
    ".cmdline": b"root=UUID=1 ro",
    ".linux": b"the kernel" * 100,
    ".initrd": b"the initrd" * 70,
}
WITH_UKI: dict[str, Content] = {
    "/etc/os-release": "ID=fedora\nVERSION_ID=40\n",
    "/etc/fstab": "",
    "/bin/sh": "",
    f"/boot/efi/EFI/Linux/abc-{UKI}.efi": unified(PARTS),
}


@pytest.fixture
def get(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    def run(*words: str, guest: dict[str, Content] = GUEST, code: int = 0) -> Ran:
        serve(monkeypatch, "get_kernel", memory_guest_image(guest))
        return imgtools("get-kernel", "memory.img", "-o", tmp_path, *words, code=code)

    return run


def held(folder: Path) -> dict[str, str]:
    """The files of a folder, with what is in them."""
    return {one.name: one.read_text() for one in folder.iterdir()}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--which", "5.10"), 26, "there is no kernel 5.10 in the guest"),
        (("--which", "all", "--unversioned-names"), 2, "two files would be called vmlinuz"),
        (("--prefix", "../x"), 2, "no part of a file name"),
        (("-o", "/nowhere"), 3, "no such folder: /nowhere"),
    ],
)
def test_what_is_refused(get: Run, tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ran = get(*words, code=code)
    assert says in ran.err
    assert not held(tmp_path)


def test_guests_without_one_are_refused(get: Run, tmp_path: Path) -> None:
    bare = {path: content for path, content in GUEST.items() if "vmlinuz" not in path}
    assert "there is no kernel in the guest" in get(guest=bare, code=25).err
    gone = {path: content for path, content in GUEST.items() if path != f"/boot/vmlinuz-{OLD}"}
    assert f"one of: {NEW}" in get(guest=gone, code=26).err
    assert not held(tmp_path)


def test_windows_has_none(tmp_path: Path) -> None:
    ran = imgtools("get-kernel", fixture_image("windows"), "-o", tmp_path, code=24)
    assert "no kernel of Linux" in ran.err
    assert not held(tmp_path)


def test_the_default_is_what_the_menu_starts(get: Run, tmp_path: Path) -> None:
    ran = get("--json")
    assert held(tmp_path) == {f"vmlinuz-{OLD}": f"kernel {OLD}", f"initrd.img-{OLD}": f"initrd {OLD}"}
    (kernel,) = ran.data["kernels"]
    assert (kernel["version"], kernel["default"], kernel["cmdline"]) == (OLD, True, "root=/dev/sda1 ro")


def test_newest_has_all_initrds_of_its_entry(get: Run, tmp_path: Path) -> None:
    get("--which", "newest")
    assert held(tmp_path) == {
        f"vmlinuz-{NEW}": f"kernel {NEW}",
        f"initrd.img-{NEW}": f"initrd {NEW}",
        f"ucode.img-{NEW}": "microcode",
    }


def test_names_and_what_is_there_already(get: Run, tmp_path: Path) -> None:
    get("--unversioned-names", "--prefix", "web")
    assert set(held(tmp_path)) == {"web-vmlinuz", "web-initrd.img"}
    (tmp_path / "web-vmlinuz").unlink()
    assert "the file is there already" in get("--unversioned-names", "--prefix", "web", code=15).err
    assert set(held(tmp_path)) == {"web-initrd.img"}
    get("--unversioned-names", "--prefix", "web", "--overwrite", "--which", OLD)
    assert held(tmp_path)["web-initrd.img"] == f"initrd {OLD}"


def test_a_unified_image_is_taken_apart(get: Run, tmp_path: Path) -> None:
    (kernel,) = get("--json", guest=WITH_UKI).data["kernels"]
    names = {"vmlinuz": ".linux", "initrd": ".initrd", "cmdline": ".cmdline", "osrel": ".osrel"}
    assert held(tmp_path) == {f"{name}-{UKI}": PARTS[section].decode() for name, section in names.items()}
    assert (kernel["unified"], kernel["cmdline"]) == (True, "root=UUID=1 ro")


def test_a_cut_image_and_hostile_names(get: Run, tmp_path: Path) -> None:
    path = f"/boot/efi/EFI/Linux/abc-{UKI}.efi"
    whole = unified(PARTS)
    assert "ends too early" in get(guest={**WITH_UKI, path: whole[:-900]}, code=20).err
    assert not held(tmp_path)
    evil = {**{one: GUEST[one] for one in GUEST if "vmlinuz" not in one}, "/boot/vmlinuz-9\x1b[31m": "evil"}
    ran = get("--which", "newest", guest=evil)
    assert "\x1b" not in ran.out + ran.err
    assert all(name.isprintable() for name in held(tmp_path))
