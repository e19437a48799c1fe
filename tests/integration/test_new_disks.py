"""Disks that imgtools make has made, as a kernel finds them: every type and layout, in one boot."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from hashlib import sha256

import pytest

from imgtools import make
from tests.support.new_disks import ODD, TIME, Seen, plain_folder, rich_archive

pytestmark = [pytest.mark.host, pytest.mark.appliance]

UNIX = {
    "ext2": "ext2",
    "ext3": "ext3",
    "ext4": "ext4",
    "xfs": "xfs",
    "btrfs": "btrfs",
    "squashfs": "squashfs",
}
WINDOWS = {"vfat": "vfat", "exfat": "exfat", "ntfs": "ntfs-3g"}
LAYOUT = """
partitions:
- {type: esp, format: vfat, size: 64M, mount: /boot/efi}
- {format: btrfs, size-min: 256M, mount: /, subvolumes: [{path: /@etc, mount: /etc}]}
- {group: data, volumes: [{name: usr, format: ext4, mount: /usr}, {name: swap, format: swap, size: 8M}]}
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("disks")
    rich, plain = rich_archive(folder / "rich.tar"), plain_folder(folder / "plain")
    images = []
    for kind in (*UNIX, *WINDOWS, "iso9660", "udf"):
        source = plain if kind in WINDOWS else rich
        make(folder / f"{kind}.img", source, kind=kind)
        images.append((folder / f"{kind}.img", "raw"))
    make(folder / "gpt.qcow2", rich, partition="gpt", esp="64M", size="300M")
    make(folder / "lvfs.img", rich, layout="lvfs")
    (folder / "disk.yaml").write_text(LAYOUT)
    make(folder / "yaml.img", rich, layout=folder / "disk.yaml")
    images += [(folder / "gpt.qcow2", "qcow2"), (folder / "lvfs.img", "raw"), (folder / "yaml.img", "raw")]
    found = Seen(images)
    yield found
    found.close()


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """SHA-256 of every regular file of the archive."""
    with tarfile.open(rich_archive(tmp_path_factory.mktemp("archive") / "rich.tar")) as archive:
        opened = ((one.name, archive.extractfile(one)) for one in archive if one.isreg())
        return {f"/{name.lstrip('./')}": sha256(file.read()).hexdigest() for name, file in opened if file}


def require_contents(files: dict[str, str], wanted: dict[str, str]) -> None:
    assert len(wanted) >= 5
    assert {path: files[path].split("|")[1] for path in wanted} == wanted


def require_rich(files: dict[str, str], *, with_attributes: bool = True) -> None:
    wanted = {
        "/etc/motd": f"f 644 0 0 2 {int(TIME)} 6 ",
        "/usr/bin/tool": f"f 4755 1000 70000 1 {int(TIME)} 9000 ",
        "/null": f"c 666 0 0 1 {int(TIME)} 0 ",
        "/pipe": f"p 600 7 8 1 {int(TIME)} 0 ",
        f"/{ODD}": f"f 600 0 0 1 {int(TIME)} 3 ",
        "/big": f"f 644 0 0 1 {int(TIME)} {256 * 8192} ",
        "/none": f"f 644 0 0 1 {int(TIME)} 0 ",
    }
    for path, start in wanted.items():
        assert files[path].startswith(start), (path, files[path])
    assert files["/etc/link"].split("|")[0].endswith(" ../usr/bin/tool")
    assert files["/tmp"].startswith("d 1777 0 0 ") and files["/empty"].startswith("d 700 0 0 ")
    if with_attributes:
        assert "user.note=0x61ff0062" in files["/etc/motd"] and "security.selinux=0x" in files["/etc/motd"]


@pytest.mark.parametrize("kind", UNIX)
def test_a_unix_filesystem_has_everything(seen: Seen, contents: dict[str, str], kind: str) -> None:
    files = seen.files(seen.devices[f"{kind}.img"], UNIX[kind])
    require_rich(files)
    require_contents(files, contents)


def test_an_iso_and_a_udf_have_all_but_attributes(seen: Seen, contents: dict[str, str]) -> None:
    for kind in ("iso9660", "udf"):
        files = seen.files(seen.devices[f"{kind}.img"], kind)
        require_rich(files, with_attributes=False)
        require_contents(files, contents)


@pytest.mark.parametrize("kind", WINDOWS)
def test_a_filesystem_of_windows_has_names_and_contents(seen: Seen, kind: str) -> None:
    files = seen.files(seen.devices[f"{kind}.img"], WINDOWS[kind])
    names = {path for path in files if not path.startswith("/System Volume")}
    assert names == {"/Dir", "/Dir/Deeper", "/Dir/My file.txt", "/Dir/Deeper/data.bin", "/readme"}
    assert " 256000 " in files["/Dir/Deeper/data.bin"] and " 6 " in files["/Dir/My file.txt"]


def test_partitions_and_volumes(seen: Seen) -> None:
    seen.appliance.shell("lvm vgscan --mknodes; lvm vgchange -ay; udevadm settle")
    require_rich(seen.files(f"{seen.devices['gpt.qcow2']}2", "ext4"))
    require_rich(seen.files("/dev/VG/LV", "ext4"))
    root = f"{seen.devices['yaml.img']}2"
    assert seen.files(root, "btrfs")["/null"].startswith("c 666 ")
    assert "/motd" in seen.files(root, "btrfs", "ro,subvol=@etc")
    assert seen.files("/dev/data/usr", "ext4")["/bin/tool"].startswith("f 4755 1000 70000 ")
