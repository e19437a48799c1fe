"""The plan of a disk that is to boot: made of the files alone, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.engine.mkfs import NewFilesystem
from imgtools.errors import NoBootLoader, NoKernel, OddGuest, UnsupportedGuest
from imgtools.newdisk.bootable import ESP_SIZE, GRUB_ROOM, bootable_layout
from imgtools.newdisk.capacity import room_for
from imgtools.newdisk.layout import Layout
from imgtools.newdisk.tree import SECOND, Node, Tree
from imgtools.newdisk.tree_files import files_of_tree
from imgtools.records.files import FileKind
from imgtools.workflows.make_bootable import BootPlan, plan_boot
from tests.support.linux_boot import FILES, NEW
from tests.support.memory import Content
from tests.support.memory import Node as MemoryNode

MOMENT = 1_700_000_000
BOTH = ("bios", "uefi")
UEFI = {"/usr/lib/grub/x86_64-efi/modinfo.sh": ""}
ELF = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little")  # for x86_64
SHELL: dict[str, Content | None] = {"/usr/bin/sh": ELF, "/usr/bin/ls": ELF}
RELEASE = 'ID=debian\nID_LIKE=""\n'


def tree(folder: Path, files: Mapping[str, Content | None]) -> Tree:
    """The Debian of tests/support/linux_boot.py as the tree of a new disk, with what is different."""
    found, host_path = Tree(), folder / "content"
    all_files = {**FILES, **UEFI, **SHELL, "/etc/os-release": RELEASE, **files}
    with host_path.open("wb") as stream:
        for path, content in all_files.items():
            if isinstance(content, MemoryNode):
                found.put(path, Node(FileKind.LINK, target=content.target))
            elif content is not None:
                data = content.encode() if isinstance(content, str) else content
                place = stream.tell()
                stream.write(data)
                found.put(path, Node(FileKind.FILE, 0o600, size=len(data), host_path=host_path, offset=place))
    return found


def layout(*firmwares: str, kind: str = "ext4") -> Layout:
    return bootable_layout(firmwares, "gpt", NewFilesystem(kind), ESP_SIZE, "/boot/efi", "seed")


def planned(
    folder: Path, files: Mapping[str, Content | None], *firmwares: str, fits: bool = True
) -> tuple[Tree, BootPlan]:
    whole = tree(folder, files)
    return whole, plan_boot(whole, layout(*firmwares), firmwares, folder, fits=fits, moment=MOMENT)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({f"/boot/vmlinuz-{NEW}": None, "/boot/vmlinuz-6.1.0-18-amd64": None}, NoKernel),
        ({"/usr/lib/grub/x86_64-efi/modinfo.sh": None}, NoBootLoader),
        ({"/usr/bin/sh": None, "/usr/bin/bash": ELF}, UnsupportedGuest),
        ({"/etc/fstab": None, "/etc/fstab/d": "x"}, OddGuest),
        ({"/etc/fstab": "#" * ((1 << 20) + 1)}, OddGuest),
    ],
)
def test_what_is_refused_leaves_the_tree_as_it_is(
    tmp_path: Path, files: dict[str, Content | None], error: type[Exception]
) -> None:
    whole = tree(tmp_path, files)
    before = dict(whole.nodes)
    with pytest.raises(error):
        plan_boot(whole, layout(*BOTH), BOTH, tmp_path, fits=True, moment=None)
    assert whole.nodes == before


def test_programs_of_another_processor(tmp_path: Path) -> None:
    arm = b"\x7fELF\x02\x01" + bytes(12) + (183).to_bytes(2, "little")
    other = {"/usr/bin/ls": arm, "/usr/bin/sh": arm, "/usr/lib/grub/arm64-efi/modinfo.sh": ""}
    with pytest.raises(UnsupportedGuest, match="aarch64"):
        planned(tmp_path, other, "uefi")


def test_fstab_names_what_is_about_to_be_made(tmp_path: Path) -> None:
    whole, plan = planned(tmp_path, {}, *BOTH)
    uuids = [one.filesystem.uuid for one in plan.layout.parts if one.filesystem is not None]
    text = files_of_tree(whole).read_text("/etc/fstab")
    assert f"UUID={uuids[1]} / ext4 errors=remount-ro 0 1\n" in text
    assert f"UUID={uuids[0]} /boot/efi vfat umask=0077 0 2\n" in text
    assert [one for one in text.splitlines() if "swap" in one and not one.startswith("#")] == []
    node = whole.nodes["/etc/fstab"]
    assert (node.mode, node.mtime) == (0o600, MOMENT * SECOND)
    assert [one.text.split()[:2] for one in plan.warnings] == [["line", "1:"], ["line", "2:"], ["a", "line"]]
    assert all(one.path == "/etc/fstab" for one in plan.warnings)


def test_without_an_fstab_one_is_written_and_nobody_is_warned(tmp_path: Path) -> None:
    whole, plan = planned(tmp_path, {"/etc/fstab": None}, "bios")
    assert "/ ext4 defaults 0 1" in files_of_tree(whole).read_text("/etc/fstab")
    assert whole.nodes["/etc/fstab"].mode == 0o644 and plan.warnings == ()
    assert plan.steps[0].kind == "write-fstab"


def test_an_fstab_that_is_a_link_stays_one(tmp_path: Path) -> None:
    files = {
        "/etc/fstab": MemoryNode(FileKind.LINK, target="fstab.real"),
        "/etc/fstab.real": "UUID=1 / ext4\n",
    }
    whole, _ = planned(tmp_path, files, "bios")
    assert whole.nodes["/etc/fstab"].kind is FileKind.LINK
    assert "# imgtools make: not on this disk: UUID=1 / ext4" in files_of_tree(whole).read_text(
        "/etc/fstab.real"
    )


def test_folders_that_a_machine_needs_are_made(tmp_path: Path) -> None:
    whole, _ = planned(tmp_path, {"/boot/grub/grub.cfg": None, "/boot/grub/grubenv": None}, *BOTH)
    for path in ("/boot/grub", "/boot/efi", "/dev", "/proc", "/sys", "/run"):
        assert whole.nodes[path].kind is FileKind.DIRECTORY


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"/etc/fstab": "UUID=1 / ext4\nUUID=2 /efi vfat\n"}, "/efi"),
        ({"/efi/EFI/debian/grubx64.efi": "MZ"}, "/efi"),
        ({"/efi/other": ""}, "/boot/efi"),
    ],
)
def test_the_esp_is_mounted_where_it_was(
    tmp_path: Path, files: dict[str, Content | None], place: str
) -> None:
    whole, plan = planned(tmp_path, files, "uefi")
    assert [one.mount for one in plan.layout.parts] == [place, "/"]
    assert f" {place} vfat " in files_of_tree(whole).read_text("/etc/fstab")


@pytest.mark.parametrize("fits", [False, True])
def test_the_root_is_as_large_as_its_files_and_grub(tmp_path: Path, fits: bool) -> None:
    whole, plan = planned(tmp_path, {}, "bios", fits=fits)
    room = room_for(whole, "ext4")
    assert plan.layout.parts[-1].size.least == (room.usual if fits else room.least) + GRUB_ROOM


def test_what_is_done_is_told(tmp_path: Path) -> None:
    _, plan = planned(tmp_path, {}, *BOTH)
    assert [one.summary for one in plan.steps][-3:] == [
        "install GRUB for bios", "install GRUB for uefi", f"make /boot/grub/grub.cfg: it starts Linux {NEW}",
    ]  # fmt: skip
    assert plan.repairs == ("root-device", "grub-install", "grub-config")


def test_fedora_gets_what_its_loader_begins_with(tmp_path: Path) -> None:
    files: dict[str, Content | None] = {
        "/usr/sbin/grub2-mkconfig": "", "/usr/sbin/grub2-install": "", "/boot/loader/entries/a.conf": "linux /x\n",
        "/boot/efi/EFI/fedora/shimx64.efi": "MZ", "/boot/efi/EFI/fedora/grubx64.efi": "MZ",
        "/etc/os-release": "ID=fedora\n",
    }  # fmt: skip
    whole, plan = planned(tmp_path, files, "uefi")
    root = plan.layout.parts[-1].filesystem
    stub = files_of_tree(whole).read_text("/boot/efi/EFI/fedora/grub.cfg")
    assert root is not None and f"--set=dev {root.uuid}\n" in stub and "configfile $prefix/grub.cfg" in stub
    assert "/boot/grub2" in stub and plan.repairs[0] == "boot-entries"
    kept = tree(tmp_path, {**files, "/boot/efi/EFI/fedora/grub.cfg": "mine"})
    plan_boot(kept, replace(layout("uefi")), ("uefi",), tmp_path, fits=True, moment=None)
    assert files_of_tree(kept).read_text("/boot/efi/EFI/fedora/grub.cfg") == "mine"
