"""Clones of a libvirt domain, by a libvirtd of the tests' own: defined, or written to files."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import libvirt
import pytest

from imgtools.errors import EngineFailed, HostError, ImageInUse, TargetExists, UsageError
from imgtools.libvirt.domain import DomainRequest
from imgtools.records.image import DiskSource
from imgtools.records.request import Backing, Engine, ImageRequest
from imgtools.workflows.cat import read_files
from imgtools.workflows.clone import CloneRequest, clone_domain
from imgtools.workflows.clone_table import CloneRow
from tests.support.fixtures import copy_fixture
from tests.support.libvirt import Daemon, libvirt_daemon

HOW = ImageRequest((), engine=Engine.DIRECT)
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
DOMAIN = """<domain type='qemu'><name>{name}</name><title>The {name}</title><memory>65536</memory>
<metadata><mine xmlns='urn:example'>old</mine></metadata>
<os><type arch='x86_64'>hvm</type></os><devices>
{disks}
<disk type='file' device='cdrom'><source file='/iso/tools.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
<interface type='user'><mac address='{mac}'/><model type='virtio'/></interface>
<interface type='user'><model type='virtio'/></interface>
<serial type='file'><source path='/var/log/{name}-serial.log'/></serial>
<channel type='unix'><source mode='bind' path='/run/{name}/agent'/>
<target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<graphics type='vnc' port='5901' autoport='no' passwd='secret'/>
</devices></domain>"""
DISK = """<disk type='file' device='disk'><driver name='qemu' type='{format}'/><source file='{path}'/>
<target dev='{device}' bus='virtio'/></disk>"""


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """One libvirtd for all tests; each defines domains of its own."""
    with libvirt_daemon() as found:
        yield found


def domain_xml(name: str, *disks: Path, mac: str = MAC) -> str:
    texts = [
        DISK.format(format=disk.suffix[1:], path=disk, device=f"vd{'abc'[n]}") for n, disk in enumerate(disks)
    ]
    return DOMAIN.format(name=name, disks="".join(texts), mac=mac)


def define(daemon: Daemon, xml: str) -> None:
    with daemon.connected() as connection:
        connection.defineXML(xml)


def definition(daemon: Daemon, name: str) -> ElementTree.Element:
    with daemon.connected() as connection:
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        return ElementTree.fromstring(connection.lookupByName(name).XMLDesc(flags))


def names(daemon: Daemon) -> set[str]:
    with daemon.connected() as connection:
        return {domain.name() for domain in connection.listAllDomains()}


def hostname(path: str) -> bytes:
    request = ImageRequest((DiskSource(Path(path)),), engine=Engine.DIRECT, backing=Backing.ANY)
    return b"".join(read_files(request, ["/etc/hostname"]))


@pytest.mark.parametrize("linked", [True, False])
def test_clones_of_a_domain_are_defined(daemon: Daemon, tmp_path: Path, linked: bool) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    old = f"old-{linked}".lower()
    define(daemon, domain_xml(old, disk))
    domain = DomainRequest(name=old, connect=daemon.uri)
    rows = [CloneRow(f"{old}-1"), CloneRow(f"{old}-2", macs=("52:54:00:12:34:56" if linked else OTHER,))]
    how = CloneRequest(tmp_path, linked, unprepared=True)
    report = clone_domain(HOW, domain, rows, how)
    before = definition(daemon, old)
    seen = {mac.get("address") for mac in before.iterfind("devices/interface/mac")}
    for one in report.clones:
        found = definition(daemon, one.name)
        assert found.findtext("uuid") == one.uuid != before.findtext("uuid")
        assert [disk.get("file") for disk in found.iterfind("devices/disk/source")] == [
            *one.paths,
            "/iso/tools.iso",
        ]
        macs = [mac.get("address") for mac in found.iterfind("devices/interface/mac")]
        assert macs == list(one.macs) and len(macs) == 2
        assert not seen & set(macs)
        seen |= set(macs)
        assert found.find("title") is None and found.find("metadata") is None
        texts = ElementTree.tostring(found, encoding="unicode")
        assert f"/run/{old}/agent" not in texts and f"/var/log/{one.name}-serial.log" in texts
        graphics = found.find("devices/graphics")
        assert graphics is not None
        assert (graphics.get("autoport"), graphics.get("passwd")) == ("yes", "secret")
        assert hostname(one.paths[0]).decode() == f"{one.name}\n"
    assert report.clones[1].macs[0] == rows[1].macs[0]


def test_a_domain_with_two_disks_in_a_file_becomes_files(tmp_path: Path) -> None:
    disks = copy_fixture("multidisk", tmp_path)
    (tmp_path / "old.xml").write_text(domain_xml("old", *disks))
    domain = DomainRequest(xml=tmp_path / "old.xml", xml_dir=tmp_path)
    report = clone_domain(
        HOW, domain, [CloneRow("new")], CloneRequest(tmp_path, linked=True, unprepared=True)
    )
    (one,) = report.clones
    assert one.definition == str(tmp_path / "new.xml")
    assert stat.S_IMODE(Path(one.definition).stat().st_mode) == 0o600, "it holds the password of the screen"
    root = ElementTree.parse(one.definition).getroot()
    assert (root.findtext("name"), root.findtext("uuid")) == ("new", one.uuid)
    cloned = [disk.get("file") for disk in root.iterfind("devices/disk/source")]
    assert cloned == [*one.paths, "/iso/tools.iso"] and len(one.paths) == len(disks)


def test_a_clone_runs_beside_its_original(daemon: Daemon) -> None:
    (folder := daemon.folder / "images").mkdir()
    folder.chmod(0o777)
    (disk,) = copy_fixture("debian", folder)
    disk.chmod(0o666)  # the daemon is another user; the clone is as open as its template
    devices = f"""<interface type='user'/><serial type='unix'><source mode='bind' path='{folder}/first.sock'/></serial>
    <channel type='unix'><source mode='bind' path='{folder}/agent.sock'/>
    <target type='virtio' name='agent'/></channel>"""
    xml = f"""<domain type='qemu'><name>first</name><memory>65536</memory><os><type>hvm</type></os>
    <devices>{DISK.format(format="qcow2", path=disk, device="vda")}{devices}</devices></domain>"""
    define(daemon, xml)
    how = CloneRequest(folder, unprepared=True)
    clone_domain(HOW, DomainRequest("first", connect=daemon.uri), [CloneRow("second")], how)
    with daemon.connected() as connection:
        domains = [connection.lookupByName(name) for name in ("first", "second")]
        try:
            for domain in domains:
                domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
            assert all(domain.isActive() for domain in domains)
        finally:
            for domain in domains:
                if domain.isActive():
                    domain.destroy()


def test_a_disk_may_be_a_volume_of_a_pool(daemon: Daemon, tmp_path: Path) -> None:
    (pool := daemon.folder / "pool").mkdir()
    pool.chmod(0o755)
    (disk,) = copy_fixture("debian", pool)
    volume = f"<disk type='volume' device='disk'><driver type='qcow2'/><source pool='images' volume='{disk.name}'/>"
    file = f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
    (tmp_path / "pooled.xml").write_text(domain_xml("pooled", disk).replace(file, volume))
    domain = DomainRequest(xml=tmp_path / "pooled.xml", connect=daemon.uri, xml_dir=tmp_path)
    how = CloneRequest(tmp_path, linked=True, unprepared=True)
    with pytest.raises(HostError, match="no storage pool images"):
        clone_domain(HOW, domain, [CloneRow("new")], how)
    with daemon.connected() as connection:
        xml = f"<pool type='dir'><name>images</name><target><path>{pool}</path></target></pool>"
        connection.storagePoolDefineXML(xml).create()
    (one,) = clone_domain(HOW, domain, [CloneRow("new")], how).clones
    assert hostname(one.paths[0]) == b"new\n"
    sources = ElementTree.parse(one.definition).findall("devices/disk/source")
    assert [source.attrib for source in sources] == [{"file": one.paths[0]}, {"file": "/iso/tools.iso"}]


def test_each_clone_has_firmware_variables_of_its_own(tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    (tmp_path / "old_VARS.fd").write_bytes(b"boot order")
    nvram = f"<nvram template='/usr/VARS.fd'>{tmp_path}/old_VARS.fd</nvram></os>"
    (tmp_path / "old.xml").write_text(domain_xml("old", disk).replace("</os>", nvram))
    domain = DomainRequest(xml=tmp_path / "old.xml", xml_dir=tmp_path)
    how = CloneRequest(tmp_path, linked=True, unprepared=True)
    (tmp_path / "taken_VARS.fd").touch()
    with pytest.raises(TargetExists, match=r"taken_VARS\.fd"):
        clone_domain(HOW, domain, [CloneRow("free"), CloneRow("taken")], how)
    assert not (tmp_path / "free.qcow2").exists()
    (one,) = clone_domain(HOW, domain, [CloneRow("new")], how).clones
    assert Path(one.nvram).read_bytes() == b"boot order" and Path(one.nvram).name == "new_VARS.fd"
    assert ElementTree.parse(one.definition).findtext("os/nvram") == one.nvram


def test_a_domain_that_is_not_shut_off_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    with daemon.connected() as connection:
        xml = "<domain type='qemu'><name>busy</name><memory>65536</memory><os><type>hvm</type></os></domain>"
        domain = connection.defineXML(xml)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        try:
            with pytest.raises(ImageInUse, match="the domain busy is running or paused"):
                clone_domain(
                    HOW, DomainRequest("busy", connect=daemon.uri), [CloneRow("new")], CloneRequest(tmp_path)
                )
        finally:
            domain.destroy()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_name_is_refused_before_anything_is_made(daemon: Daemon, tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    for name, mac in (("tpl", MAC), ("taken", "52:54:00:00:00:03")):
        define(daemon, domain_xml(name, disk, mac=mac))
    domain = DomainRequest("tpl", connect=daemon.uri)
    how = CloneRequest(tmp_path, unprepared=True)
    with pytest.raises(TargetExists, match="there is a domain taken already"):
        clone_domain(HOW, domain, [CloneRow("free"), CloneRow("taken")], how)
    with pytest.raises(UsageError, match="another machine has the address"):
        clone_domain(HOW, domain, [CloneRow("free", macs=("52:54:00:00:00:03",))], how)
    assert [path.name for path in tmp_path.iterdir()] == ["debian.qcow2"]
    assert "free" not in names(daemon)


def test_a_clone_that_cannot_be_defined_leaves_no_files(daemon: Daemon, tmp_path: Path) -> None:
    (disk,) = copy_fixture("debian", tmp_path)
    xml = domain_xml("odd", disk).replace("<memory>65536</memory>", "<memory>0</memory>")
    (tmp_path / "odd.xml").write_text(xml)
    domain = DomainRequest(xml=tmp_path / "odd.xml", connect=daemon.uri)
    with pytest.raises(EngineFailed, match="libvirt: "):
        clone_domain(HOW, domain, [CloneRow("new")], CloneRequest(tmp_path, linked=True, unprepared=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debian.qcow2", "odd.xml"]
    assert "new" not in names(daemon)


def test_no_such_domain_and_no_such_libvirt(daemon: Daemon, tmp_path: Path) -> None:
    rows, how = [CloneRow("new")], CloneRequest(tmp_path)
    with pytest.raises(HostError, match="libvirt has no domain nobody"):
        clone_domain(HOW, DomainRequest("nobody", connect=daemon.uri), rows, how)
    gone = f"qemu+unix:///session?socket={tmp_path}/none"
    with pytest.raises(HostError, match="cannot connect to libvirt at"):
        clone_domain(HOW, DomainRequest("nobody", connect=gone), rows, how)
    with pytest.raises(UsageError, match="another host"):
        clone_domain(HOW, DomainRequest("nobody", connect="qemu+ssh://far/system"), rows, how)
