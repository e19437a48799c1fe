"""Guests by their names, of a libvirtd with the QEMU driver: pools, secrets, overlays, a guest that QEMU has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests.support.command import imgtools
from tests.support.disks import qemu_img, random_bytes
from tests.support.domains import disk_xml, domain_xml, pool_xml, volume_xml
from tests.support.fixtures import copy_fixture
from tests.support.libvirt import Daemon, libvirt_daemon

SECRET = "<secret ephemeral='yes' private='{private}'><usage type='volume'><volume>{name}</volume></usage></secret>"
PHRASE = "open sesame"
CONTENT = random_bytes(1 << 20)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """One libvirtd, whose guests' disks are in a pool."""
    with libvirt_daemon() as found:
        (found.folder / "pool").mkdir()
        for path in (found.folder / "pool", *copy_fixture("debian", found.folder / "pool")):
            path.chmod(0o777)
        with found.connected() as connection:
            connection.storagePoolDefineXML(pool_xml("images", found.folder / "pool")).create()
        yield found


def define(daemon: Daemon, name: str, *disks: str) -> None:
    with daemon.connected() as connection:
        connection.defineXML(domain_xml(name, *disks, kind="qemu", state=""))


def hostname(daemon: Daemon, *words: str) -> str:
    return imgtools("cat", "--connect", daemon.uri, *words, "/etc/hostname").out


def test_a_volume_and_a_guest_that_has_it(daemon: Daemon) -> None:
    define(daemon, "pooled", volume_xml("images", "debian.qcow2", "vda", "qcow2"))
    assert hostname(daemon, "-d", "pooled") == "debian-fixture\n"
    assert hostname(daemon, "--vol", "images/debian.qcow2") == "debian-fixture\n"


def test_a_pool_that_is_not_started(daemon: Daemon) -> None:
    with daemon.connected() as connection:
        connection.storagePoolDefineXML(pool_xml("cold", daemon.folder / "cold").replace("35bb", "36bb"))
    ran = imgtools("ls", "-c", daemon.uri, "--vol", "cold/x", code=3)
    assert "the storage pool cold is not started" in ran.err and "virsh pool-start cold" in ran.err


def test_the_active_layer_is_the_definitions(daemon: Daemon, tmp_path: Path) -> None:
    pool = daemon.folder / "pool"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "debian.qcow2", "-F", "qcow2", pool / "top.qcow2")
    imgtools("customize", pool / "top.qcow2", "--hostname", "top", "--write")
    define(daemon, "layered", disk_xml(pool / "top.qcow2", "vda"))
    assert hostname(daemon, "-d", "layered") == "top\n"
    assert hostname(daemon, "--vol", "images/debian.qcow2") == "debian-fixture\n"


@pytest.fixture(scope="module")
def encrypted(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted disk: of libvirt's view, a raw file with a LUKS header."""
    plain = tmp_path_factory.mktemp("plain") / "plain"
    plain.write_bytes(CONTENT)
    disk = daemon.folder / "pool" / "secret.luks"
    secret = ("--object", f"secret,id=s,data={PHRASE}")
    qemu_img("create", "-q", "-f", "luks", *secret, "-o", "key-secret=s,iter-time=10", disk, "1M")
    qemu_img(
        *("convert", *secret, "-n", "--image-opts", "--target-image-opts"),
        f"driver=raw,file.filename={plain}",
        f"driver=luks,key-secret=s,file.filename={disk}",
    )
    return disk


@pytest.mark.parametrize("private", ["no", "yes"])
def test_the_secret_of_a_disk_is_libvirts_if_it_tells_it(
    daemon: Daemon, encrypted: Path, tmp_path: Path, private: str
) -> None:
    disk = shutil.copyfile(encrypted, encrypted.with_name(f"{private}.luks"))
    with daemon.connected() as connection:
        secret = connection.secretDefineXML(SECRET.format(private=private, name=disk))
        secret.setValue(PHRASE.encode())
        uuid = secret.UUIDString()
    inner = f"<encryption format='luks'><secret type='passphrase' uuid='{uuid}'/></encryption>"
    define(daemon, f"secret-{private}", disk_xml(disk, "vda", format="raw", more=inner))
    copy = tmp_path / "copy.raw"
    words = ["convert", "--connect", daemon.uri, "-d", f"secret-{private}"]
    if private == "yes":
        refused = imgtools(*words, copy, code=23)
        assert PHRASE not in refused.err
        (tmp_path / "key").write_text(PHRASE)
        words += ["--key", f"image:file:{tmp_path / 'key'}"]
    assert "not used" not in imgtools(*words, copy).err
    assert copy.read_bytes() == CONTENT


def test_a_guest_that_qemu_has_is_read_and_not_written(daemon: Daemon) -> None:
    pool = daemon.folder / "pool"
    qemu_img("create", "-q", "-f", "qcow2", "-b", "debian.qcow2", "-F", "qcow2", pool / "run.qcow2")
    (pool / "run.qcow2").chmod(0o666)
    define(daemon, "busy", disk_xml(pool / "run.qcow2", "vda"))
    with daemon.connected() as connection:
        domain = connection.lookupByName("busy")
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        try:
            ran = imgtools("cat", "-c", daemon.uri, "-d", "busy", "/etc/hostname")
            assert ran.out == "debian-fixture\n"
            assert ran.err.count("the domain busy is paused") == 1 and len(ran.err.splitlines()) == 1
            assert "is paused" in imgtools("map", "-c", daemon.uri, "-d", "busy").err
            ran = imgtools("customize", "-c", daemon.uri, "-d", "busy", "--hostname", "x", "--write", code=11)
            assert "virsh shutdown busy" in ran.err
        finally:
            domain.destroy()
    imgtools("customize", "-c", daemon.uri, "-d", "busy", "--hostname", "x", "--write")
    assert hostname(daemon, "-d", "busy") == "x\n"


def test_a_guest_is_cloned_by_its_uuid(daemon: Daemon, tmp_path: Path) -> None:
    define(daemon, "original", disk_xml(daemon.folder / "pool" / "debian.qcow2", "vda"))
    with daemon.connected() as connection:
        uuid = connection.lookupByName("original").UUIDString()
    words = [
        "clone",
        "-c",
        daemon.uri,
        "-d",
        uuid,
        "-n",
        "copy",
        "--linked",
        "--unprepared",
        "--xml-dir",
        tmp_path,
    ]
    imgtools(*words, "--output-dir", tmp_path, "--hostname", "")
    assert (tmp_path / "copy.xml").exists() and (tmp_path / "copy.qcow2").exists()
