"""Virtio drivers put into Windows guests on NTFS, from a disc image and from a folder; hivex reads what was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import hivex
import pytest

from imgtools.errors import BadImage, HostError, UnsupportedGuest
from tests.support.command import imgtools
from tests.support.disks import qemu_img
from tests.support.fixtures import fixture_image
from tests.support.virtio import drivers, make_disc, virtio_win, write_tree

CONTROL_SET = {"windows": "ControlSet001", "windows11": "ControlSet002"}
BEST = {"windows": "w10", "windows11": "w11"}
STAGED = r"C:\Windows\Drivers\VirtIO"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(virtio_win(), tmp_path_factory.mktemp("virtio") / "virtio-win")


@pytest.fixture(scope="module")
def disc(folder: Path) -> Path:
    return make_disc(folder, folder.with_name("virtio-win.iso"))


def writable(name: str, folder: Path) -> Path:
    """A copy of a fixture that can be edited in place, which VHDX cannot."""
    qemu_img("convert", "-O", "qcow2", fixture_image(name), folder / "win.qcow2")
    return folder / "win.qcow2"


def content(image: Path, path: str, folder: Path) -> bytes:
    imgtools("copy-out", image, path, folder, "--overwrite")
    return (folder / path.rpartition("/")[2]).read_bytes()


def hive_of(image: Path, name: str, folder: Path) -> hivex.Hivex:
    content(image, f"/Windows/System32/config/{name}", folder)
    return hivex.Hivex(str(folder / name))


def value(hive: hivex.Hivex, key: str, name: str) -> tuple[int, bytes]:
    node = hive.root()
    for part in key.split("\\"):
        node = hive.node_get_child(node, part)
        assert node is not None, f"no {part} of {key}"
    found: tuple[int, bytes] = hive.value_value(hive.node_get_value(node, name))
    return found


@pytest.mark.parametrize("name", ["windows", "windows11"])
def test_a_guest_gets_them_and_a_second_run_finds_nothing(
    name: str, disc: Path, folder: Path, tmp_path: Path
) -> None:
    image = writable(name, tmp_path)
    ran = imgtools("customize", image, "--virtio-drivers", disc, "--write", "--json")
    assert ran.data["written"] and ran.json["engine"] == "direct"
    system = hive_of(image, "SYSTEM", tmp_path)
    for driver, bus in (("viostor", 1), ("vioscsi", 10)):
        service = rf"{CONTROL_SET[name]}\Services\{driver}"
        assert value(system, service, "Start") == (4, bytes(4))
        assert value(system, rf"{service}\Parameters", "BusType") == (4, bytes([bus, 0, 0, 0]))
        assert value(system, service, "ImagePath") == (
            2,
            f"System32\\drivers\\{driver}.sys\0".encode("utf-16-le"),
        )
        program = (folder / driver / BEST[name] / "amd64" / f"{driver}.sys").read_bytes()
        for place in ("/Windows/System32/drivers", "/Windows/Drivers/VirtIO"):
            assert content(image, f"{place}/{driver}.sys", tmp_path) == program
    device = r"DriverDatabase\DeviceIds\PCI\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01"
    assert value(system, device, "virtio-viostor.inf") == (3, b"\x01\xff\0\0")
    software = hive_of(image, "SOFTWARE", tmp_path)
    _, text = value(software, r"Microsoft\Windows\CurrentVersion", "DevicePath")
    assert text.decode("utf-16-le") == "%SystemRoot%\\inf;%SystemRoot%\\Drivers\\VirtIO\0"
    for source in (disc, folder):
        again = imgtools("customize", image, "--virtio-drivers", source, "--write", "--json").data
        assert again["changes"] == [] and not again["changed"]


def test_an_older_disc_changes_nothing_and_says_so(disc: Path, tmp_path: Path) -> None:
    image = writable("windows11", tmp_path)
    imgtools("customize", image, "--virtio-drivers", disc, "--write")
    old = write_tree(drivers("w10", date="01/01/2020", number="1.2.3.4"), tmp_path / "old")
    ran = imgtools("customize", image, "--virtio-drivers", old, "--write")
    assert (
        "viostor stays: the guest has 100.95.104.26200 of 2024-10-07, newer than 1.2.3.4 of 2020-01-01"
        in ran.err
    )
    assert "Nothing to change" in ran.err


def test_without_write_it_only_says_what_it_would_do(disc: Path) -> None:
    image = fixture_image("windows11")
    before = hashlib.sha256(image.read_bytes()).digest()
    ran = imgtools("customize", image, "--virtio-drivers", disc)
    assert r"set BusType of HKEY_LOCAL_MACHINE\SYSTEM\ControlSet002\Services\viostor\Parameters" in ran.out
    assert hashlib.sha256(image.read_bytes()).digest() == before


def test_what_is_refused_leaves_the_image_alone(disc: Path, folder: Path, tmp_path: Path) -> None:
    image = writable("windows11", tmp_path)
    before = hashlib.sha256(image.read_bytes()).digest()
    (tmp_path / "empty").mkdir()
    (bad := tmp_path / "bad.iso").write_bytes(b"no disc" * 10_000)
    damaged = write_tree(drivers("w10"), tmp_path / "damaged")
    inf = damaged / "viostor" / "w10" / "amd64" / "viostor.inf"
    inf.write_bytes(inf.read_bytes().replace(b"[inst]", b"[inst"))
    for source, code, said in (
        (
            folder / "viostor" / "w7" / "x86",
            UnsupportedGuest.exit_code,
            "no virtio driver for Windows 10.0 build 22631",
        ),
        (tmp_path / "empty", HostError.exit_code, "no INF file in"),
        (tmp_path / "none.iso", HostError.exit_code, "no such file or folder on the host"),
        (bad, BadImage.exit_code, "no disc image of drivers"),
        (damaged, HostError.exit_code, "viostor/w10/amd64/viostor.inf, line 29: not the name of a section"),
    ):
        ran = imgtools("customize", image, "--virtio-drivers", source, "--write", code=code)
        assert said in ran.err
    linux = imgtools(
        "customize", fixture_image("debian"), "--virtio-drivers", disc, code=UnsupportedGuest.exit_code
    )
    assert "virtio-drivers is not for" in linux.err
    assert hashlib.sha256(image.read_bytes()).digest() == before


def test_clones_of_a_template_get_them(disc: Path, tmp_path: Path) -> None:
    image = writable("windows11", tmp_path)
    (made := tmp_path / "made").mkdir()
    words = ["-n", "one", "--output-dir", made, "--unprepared", "--virtio-drivers", disc]
    imgtools("clone", image, *words)
    (clone,) = made.iterdir()
    assert "netkvm.inf" in imgtools("ls", clone, STAGED).out
