"""Which disks a definition gives its guest, in which order, and what is refused by name."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imgtools.errors import HostError, ImgtoolsError, UnsupportedFormat
from imgtools.libvirt.guest_disks import DefinedDisk, defined_disks

SOURCE = "<source file='/a'/>"


def read(*disks: str) -> tuple[DefinedDisk, ...]:
    root = ElementTree.fromstring(f"<devices>{''.join(disks)}</devices>")
    return defined_disks(root.findall("disk"), "web1")


def disk(target: str, inner: str = SOURCE, *, kind: str = "file", bus: str = "", device: str = "disk") -> str:
    where = f"<target dev='{target}'{f' bus={bus!r}' if bus else ''}/>"
    return f"<disk type='{kind}' device='{device}'>{inner}{where}</disk>"


def test_on_each_bus_by_target_and_buses_as_they_come() -> None:
    found = read(*(disk(one) for one in ("vdb", "sdb", "vdaa", "vdz", "sda", "vda", "hdc", "xvda")))
    assert [one.target for one in found] == ["vda", "vdb", "vdz", "vdaa", "sda", "sdb", "hdc", "xvda"]
    assert [one.target for one in read(disk("sdb", bus="virtio"), disk("sda", bus="virtio"))] == [
        "sda",
        "sdb",
    ]


def test_a_hundred_disks_and_not_a_thousand() -> None:
    names = [f"vd{one}{two}" for one in "abcdefgh" for two in "abcdefghijklmnopqrstuvwxyz"]
    assert [one.target for one in read(*map(disk, reversed(names)))] == names
    with pytest.raises(HostError, match="more than 256"):
        read(*map(disk, names * 2))


def test_discs_and_floppies_are_left_out_and_luns_are_not() -> None:
    found = read(
        disk("hda", "", device="cdrom"),
        disk("fda", device="floppy"),
        disk("sda", "<source dev='/dev/x'/>", kind="block", device="lun"),
    )
    assert [(one.target, one.path) for one in found] == [("sda", "/dev/x")]
    with pytest.raises(HostError, match="web1 has no disks"):
        read(disk("hda", device="cdrom"))


def test_the_format_is_the_definitions() -> None:
    raw, qcow2 = read(disk("vda"), disk("vdb", f"<driver type='qcow2'/>{SOURCE}"))
    assert (raw.format, qcow2.format) == ("raw", "qcow2")


def test_an_encrypted_raw_file_is_luks_and_names_its_secret() -> None:
    secret = "<encryption format='luks'><secret type='passphrase' uuid='u-1'/></encryption>"
    inside, beside, unnamed = read(
        disk("vda", f"<source file='/a'>{secret}</source>"),
        disk("vdb", f"<driver type='qcow2'/>{SOURCE}{secret.replace('uuid', 'usage')}"),
        disk("vdc", f"{SOURCE}<encryption format='luks'/>"),
    )
    assert (inside.format, inside.secret) == ("luks", ("u-1", ""))
    assert (beside.format, beside.secret) == ("qcow2", ("", "u-1"))
    assert (unnamed.format, unnamed.secret) == ("luks", ("", ""))


def test_marks_and_volumes() -> None:
    read_only, volume, transient = read(
        disk("vda", f"{SOURCE}<readonly/>"),
        disk("vdb", "<source pool='p' volume='v'/>", kind="volume"),
        disk("vdc", f"{SOURCE}<transient/><shareable/>"),
    )
    assert read_only.read_only and not transient.read_only
    assert volume.volume == ("p", "v")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (disk("vda", ""), "the disk vda of web1 has no file"),
        (disk("vda", "<source file='rel.qcow2'/>"), "no absolute path"),
        (disk("vda", "<source file=''/>"), "no absolute path"),
        (disk("vda", "<source dev='/dev/x'/>"), "no absolute path"),
        (disk("vda", "<source pool='p'/>", kind="volume"), "of the kind volume"),
        (disk("vda", "<source dir='/d'/>", kind="dir"), "of the kind dir"),
        (disk("vda", "<source type='pci'/>", kind="nvme"), "of the kind nvme"),
        (disk("vda", "<source type='unix' path='/s'/>", kind="vhostuser"), "of the kind vhostuser"),
        (disk("vda", "<source file='/a'><slices/></source>"), "a slice"),
        (
            disk("vda", "<source protocol='gluster' name='v/i'><host name='h'/></source>", kind="network"),
            "gluster",
        ),
        (
            disk(
                "vda",
                "<source protocol='rbd' name='p/i'><host name='a'/><host name='::1' port='6789'/></source>",
                kind="network",
            ),
            r"rbd:p/i at the monitors a, \[::1\]:6789",
        ),
        (f"<disk>{SOURCE.replace('/a', 'a')}</disk>", "without a target"),
    ],
)
def test_what_cannot_be_opened_is_refused_by_name(one: str, said: str) -> None:
    with pytest.raises(UnsupportedFormat, match=said):
        read(disk("vdb"), one)


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("protocol='nbd' name='a b'><host name='h' port='10809'/>", "nbd://h:10809/a%20b"),
        ("protocol='nbd'><host transport='unix' socket='/run/s'/>", "nbd+unix:///?socket=/run/s"),
        ("protocol='rbd' name='p/i'>", "rbd:p/i"),
        ("protocol='iscsi' name='iqn.x/1'><host name='h' port='3260'/>", "iscsi://h:3260/iqn.x/1"),
        ("protocol='https' name='d.img' query='a=1'><host name='h'/>", "https://h/d.img?a=1"),
    ],
)
def test_a_disk_on_the_network_has_a_uri(source: str, uri: str) -> None:
    (found,) = read(disk("vda", f"<source {source}</source><auth username='me'/>", kind="network"))
    assert (found.uri, found.path) == (uri, "")


def test_sectors_are_the_definitions() -> None:
    large, usual = read(
        disk("vda", f"<blockio logical_block_size='4096' physical_block_size='4096'/>{SOURCE}"), disk("vdb")
    )
    assert (large.sector_size, usual.sector_size) == (4096, 0)
    with pytest.raises(UnsupportedFormat, match="sectors of 1 bytes"):
        read(disk("vda", f"<blockio logical_block_size='1'/>{SOURCE}"))


def test_nothing_is_left_out_silently() -> None:
    with pytest.raises(ImgtoolsError):
        read(disk("vda"), disk("vdb", kind="dir"), disk("vdc"))
