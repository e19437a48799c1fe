"""One tree for three programs: qemu-nbd, qemu-img and the storage daemon read the same bytes of every format."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from imgtools.disk.backing import examine
from imgtools.disk.headers import FORMATS
from imgtools.engine.qemu.block import serve_disk
from imgtools.engine.qemu.img import commands
from imgtools.engine.qemu.img.commands import Conversion
from imgtools.engine.qemu.nodes import Node, chain_node, nbd_node
from imgtools.engine.qemu.storage_daemon import serve_nodes
from imgtools.engine.qemu.unlock import Keyring
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing, Key, Secret
from tests.support.disks import EXACT, SUFFIX, luks_image, put_upon, qemu_img, sparse_content
from tests.support.read_only_formats import bochs_of, cloop_of, dmg_of

CONTENT = sparse_content()
KEYS = [Key("image", Secret(b"sesame"))]
SECRET = ("--object", "secret,id=s,data=sesame")

# Named by format, or format and what is special; each makes an image of CONTENT in a folder.
Make = Callable[[Path], Path]

pytestmark = pytest.mark.host


def converted(format: str, *options: str, name: str = "", secret: bool = False) -> Make:
    def make(folder: Path) -> Path:
        plain, path = folder / "plain", folder / (name or f"disk.{SUFFIX.get(format, format)}")
        plain.write_bytes(CONTENT)
        words = [word for option in options for word in ("-o", option)]
        qemu_img(
            "convert", *(SECRET if secret else ()), "-f", "raw", "-O", format, *EXACT.get(format, ()),
            *(word.replace("FOLDER", str(folder)) for word in words), plain, path,
        )  # fmt: skip
        plain.unlink()
        return path

    return make


def stacked(top: str, base: str) -> Make:
    """An image that stands on one with the content."""

    def make(folder: Path) -> Path:
        below = converted(base, name=f"base.{base}")(folder)
        path = folder / f"top.{top}"
        qemu_img("create", "-q", "-f", top, "-b", below.name, "-F", base, path)
        return path

    return make


def made(build: Callable[[bytes, Path], Path], suffix: str) -> Make:
    return lambda folder: build(CONTENT, folder / f"disk.{suffix}")


IMAGES: dict[str, Make] = {
    "raw": lambda folder: _raw(folder),
    **{
        format: converted(format)
        for format in ("qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "parallels")
    },
    "luks": lambda folder: _luks(folder / "disk.luks"),
    "bochs": made(bochs_of, "bochs"),
    "cloop": made(cloop_of, "cloop"),
    "dmg": made(dmg_of, "dmg"),
    "qcow2, compat 0.10": converted("qcow2", "compat=0.10"),
    "qcow2, data file": converted("qcow2", "data_file=FOLDER/disk.data,data_file_raw=on"),
    "qcow2, AES": converted("qcow2", "encrypt.format=aes", "encrypt.key-secret=s", secret=True),
    "qcow, AES": converted("qcow", "encrypt.format=aes", "encrypt.key-secret=s", secret=True),
    "qcow2 on raw": stacked("qcow2", "raw"),
    "qcow2 on qcow2": stacked("qcow2", "qcow2"),
    "qcow2 on vmdk": stacked("qcow2", "vmdk"),
    "qcow on qcow2": stacked("qcow", "qcow2"),
    "qed on qed": stacked("qed", "qed"),
    "vmdk on vmdk": stacked("vmdk", "vmdk"),
    **{
        f"vmdk, {kind}": converted("vmdk", f"subformat={kind}")
        for kind in ("monolithicFlat", "streamOptimized", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat")
    },
    "vpc, fixed": converted("vpc", "subformat=fixed"),
    "vhdx, fixed": converted("vhdx", "subformat=fixed"),
    "vdi, static": converted("vdi", "static=on"),
}


def _raw(folder: Path) -> Path:
    path = folder / "disk,with:odd=name.raw"
    path.write_bytes(CONTENT)
    return path


def _fill(path: Path, format: str, secret: str) -> Path:
    """Write the content into an encrypted image that is there."""
    plain = path.with_suffix(".plain")
    plain.write_bytes(CONTENT)
    target = f"driver={format},{secret}=s,file.filename={path}"
    qemu_img("convert", *SECRET, "-f", "raw", "-n", "--target-image-opts", plain, target)
    plain.unlink()
    return path


def _luks(path: Path) -> Path:
    return _fill(luks_image(path, b"sesame", len(CONTENT)), "luks", "key-secret")


def _luks_qcow2(folder: Path, empty: Path) -> Path:
    path = folder / "top.qcow2"
    shutil.copy(empty, path)
    return path


def by_nbd(info: ImageInfo, keys: Keyring) -> bytes:
    with serve_disk(info, keys) as disk:
        return disk.read(0, disk.size)


def by_img(node: Node, folder: Path) -> bytes:
    target = folder / "copy.raw"
    commands.convert(node, target, Conversion("raw"))
    return target.read_bytes()


def by_daemon(node: Node, folder: Path) -> bytes:
    with serve_nodes([node.plus(("read-only", "on"))]) as daemon:
        daemon.execute("nbd-server-start", addr={"type": "unix", "data": {"path": daemon.nbd_socket}})
        daemon.execute("block-export-add", type="nbd", id="e", name="e", **{"node-name": "disk0"})
        return by_img(nbd_node(daemon.nbd_socket, "e"), folder)


def read_by_all(image: Path, folder: Path) -> None:
    """Read an image with all three programs, and compare with what it holds."""
    info = examine(
        DiskSource(image), policy=Backing.ANY
    )  # QED and qcow record no format of what they stand on
    keys = Keyring(KEYS, image)
    node = chain_node(info.chain, keys.key_for)
    for read in (by_nbd(info, keys), by_img(node, folder), by_daemon(node, folder)):
        assert read[: len(CONTENT)] == CONTENT
        assert not any(read[len(CONTENT) :])  # what a format rounds up to


@pytest.mark.parametrize("kind", IMAGES)
def test_every_program_reads_the_same_bytes(tmp_path: Path, kind: str) -> None:
    read_by_all(IMAGES[kind](tmp_path), tmp_path)


def test_an_encrypted_qcow2(tmp_path: Path, luks_qcow2: Path) -> None:
    read_by_all(_fill(_luks_qcow2(tmp_path, luks_qcow2), "qcow2", "encrypt.key-secret"), tmp_path)


def test_an_encrypted_qcow2_on_an_encrypted_image(tmp_path: Path, luks_qcow2: Path) -> None:
    top, base = _luks_qcow2(tmp_path, luks_qcow2), _luks(tmp_path / "base.luks")
    put_upon(top, base, "luks")
    read_by_all(top, tmp_path)


def test_every_format_is_walked() -> None:
    assert {kind.partition(",")[0].partition(" ")[0] for kind in IMAGES} == set(FORMATS)
