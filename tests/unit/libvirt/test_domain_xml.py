"""Definitions of libvirt domains: which disks are cloned, and what of a machine's own is made anew."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from imgtools.errors import UnsupportedFormat, UsageError
from imgtools.libvirt.domain_xml import Definition, NewMachine, new_macs
from imgtools.records.image import DiskSource

UUID = "6f1a3a0e-0000-4000-8000-000000000001"
DOMAIN = """<domain type='kvm' id='7' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>old</name><uuid>11111111-1111-4111-8111-111111111111</uuid><genid>22222222-2222-4222-8222-222222222222</genid>
  <title>Old</title>
  <metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>
    <libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo><a:b xmlns:a='urn:a'/></metadata>
  <os><type>hvm</type><nvram template='/usr/VARS.fd'>/var/old_VARS.fd</nvram></os>
  <sysinfo type='smbios'><system><entry name='uuid'>11111111-1111-4111-8111-111111111111</entry>
    <entry name='serial'>S1</entry><entry name='product'>P</entry></system></sysinfo>
  <devices>{devices}</devices>
  <seclabel type='dynamic' model='selinux'><label>c1</label></seclabel>
  <seclabel type='none' model='dac'/>
  <qemu:commandline><qemu:arg value='-no-hpet'/></qemu:commandline>
</domain>"""
DISKS = """
<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>
  <source file='/a/old.qcow2' index='3'><seclabel model='selinux'><label>x</label></seclabel></source>
  <backingStore type='file'><source file='/a/base.qcow2'/></backingStore>
  <target dev='vda' bus='virtio'/><serial>D1</serial><alias name='virtio-disk0'/></disk>
<disk type='block' device='disk'><source dev='/dev/vg0/old'/><target dev='vdb'/></disk>
<disk type='network' device='cdrom'><source protocol='https' name='tools.iso'/><target dev='sda'/></disk>
<disk type='file' device='disk'><source file='/a/shared.raw'/><target dev='vdc'/><shareable/></disk>"""
REST = """
<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='vnet3'/>
  <virtualport type='openvswitch'><parameters interfaceid='x'/></virtualport>
  <filterref filter='clean-traffic'><parameter name='IP' value='192.0.2.1'/><parameter name='DHCP' value='yes'/>
  </filterref></interface>
<interface type='user'/>
<serial type='unix'><source mode='bind' path='/run/serial.sock'/></serial>
<console type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/><alias name='ua-mine'/></console>
<channel type='unix'><source mode='bind' path='/run/old/agent'/></channel>
<channel type='unix'><source mode='connect' path='/run/host-service'/></channel>
<graphics type='spice' port='5900' tlsPort='5901' autoport='no'><listen type='socket' socket='/run/s'/></graphics>
<vsock><cid auto='no' address='3'/></vsock>
<hostdev mode='subsystem' type='pci'/>"""
NEW = NewMachine(
    "new", UUID, ("52:54:00:00:00:09", "52:54:00:00:00:0a"), ((Path("/c/a"), "qcow2"), (Path("/c/b"), "raw"))
)


def definition(devices: str = DISKS + REST) -> Definition:
    return Definition(DOMAIN.format(devices=devices))


def cloned(nvram: Path | None = None) -> ElementTree.Element:
    new = NewMachine(NEW.name, NEW.uuid, NEW.macs, NEW.disks, nvram)
    return ElementTree.fromstring(definition().cloned(new))


def test_disks_of_the_guest_alone_are_cloned() -> None:
    assert definition().disks() == (
        DiskSource(Path("/a/old.qcow2"), "qcow2"),
        DiskSource(Path("/dev/vg0/old"), "raw"),
    )
    disks = cloned().findall("devices/disk")
    first, second, third, fourth = (dict(disk.find("source").attrib) for disk in disks)  # type: ignore[union-attr]
    assert (first, second) == ({"file": "/c/a"}, {"file": "/c/b"})
    assert (third["name"], fourth) == ("tools.iso", {"file": "/a/shared.raw"})
    assert [disk.get("type") for disk in disks] == ["file", "file", "network", "file"]
    driver = disks[0].find("driver")
    assert driver is not None and driver.attrib == {"name": "qemu", "type": "qcow2", "cache": "none"}
    assert [child.tag for child in disks[0]] == ["driver", "source", "target", "serial"]
    assert len(disks[0].findall("source/*")) == 0


def test_what_is_the_machines_own_is_new() -> None:
    root = cloned(Path("/c/new_VARS.fd"))
    assert (root.findtext("name"), root.findtext("uuid"), root.get("id")) == ("new", UUID, None)
    assert (root.findtext("genid"), root.find("title")) == ("", None)
    assert root.findtext("os/nvram") == "/c/new_VARS.fd"
    entries = {entry.get("name"): entry.text for entry in root.iterfind("sysinfo/system/entry")}
    assert entries == {"uuid": UUID, "product": "P"}
    assert [label.get("type") for label in root.iterfind("seclabel")] == ["none"]
    assert len(root.findall("metadata/*")) == 1 and "debian" in ElementTree.tostring(root, encoding="unicode")
    assert root.find("{http://libvirt.org/schemas/domain/qemu/1.0}commandline") is not None


def test_firmware_variables_that_are_not_there_yet_are_made_by_libvirt() -> None:
    nvram = cloned().find("os/nvram")
    assert nvram is not None and not nvram.text and nvram.get("template") == "/usr/VARS.fd"


def test_devices_do_not_meet_on_the_host() -> None:
    root = cloned()
    cards = root.findall("devices/interface")
    assert [mac.get("address") for mac in root.iterfind("devices/interface/mac")] == list(NEW.macs)
    assert cards[0].find("target") is None and cards[0].find("virtualport/parameters[@interfaceid]") is None
    assert [rule.get("name") for rule in cards[0].iterfind("filterref/parameter")] == ["DHCP"]
    assert [source.get("path") for source in root.iterfind("devices/serial/source")] == [
        "/run/new-serial.sock"
    ]
    assert [source.get("path") for source in root.iterfind("devices/channel/source")] == ["/run/host-service"]
    console, graphics, cid = (root.find(f"devices/{tag}") for tag in ("console", "graphics", "vsock/cid"))
    assert console is not None and console.get("tty") is None and console.find("source") is None
    assert console.find("alias") is not None, "a name that the user gave stays"
    assert graphics is not None and (graphics.get("port"), graphics.get("autoport")) == (None, "yes")
    assert graphics.find("listen[@socket]") is None
    assert cid is not None and cid.attrib == {"auto": "yes"}


def test_what_clones_share_is_told() -> None:
    told = " ".join(definition().warnings())
    assert "(pci)" in told and "QEMU arguments" in told


NOT_CLONED = [
    (
        "<disk type='network' device='disk'><source name='x'/><target dev='vda'/></disk>",
        "vda .* of the kind network",
    ),
    ("<disk type='block' device='lun'><source dev='/dev/sdx'/></disk>", "a lun"),
    ("<disk type='file'><source file='/a'/><encryption format='luks'/></disk>", "is encrypted"),
    ("<disk type='file'><target dev='vda'/></disk>", "has no file"),
]


@pytest.mark.parametrize(("devices", "said"), NOT_CLONED)
def test_a_disk_that_cannot_be_cloned_is_named(devices: str, said: str) -> None:
    with pytest.raises(UnsupportedFormat, match=said):
        definition(devices).disks()


@pytest.mark.parametrize(
    "text", ["", "<a", "<domain/>", "<network><name>n</name></network>", "<!DOCTYPE a><domain/>"]
)
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Definition(text)


def test_a_domain_without_a_disk_is_no_template() -> None:
    with pytest.raises(UsageError, match="no disk that could be cloned"):
        definition("").disks()


def test_addresses_are_unlike_those_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([b"\0\0\1", b"\0\0\2", b"\0\0\2", b"\0\0\3"])
    monkeypatch.setattr("imgtools.libvirt.domain_xml.secrets.token_bytes", lambda count: next(given))
    found = new_macs(["52:54:00:aa:aa:aa"], 3, {"52:54:00:00:00:01"})
    assert found == ("52:54:00:aa:aa:aa", "52:54:00:00:00:02", "52:54:00:00:00:03")
