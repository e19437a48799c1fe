"""What an OVF descriptor says, and what it must not do."""

from __future__ import annotations

import pytest

from imgtools.disk.sources.ovf import DEEPEST, LARGEST, read_ovf
from imgtools.errors import BadImage
from tests.support.sources import drive, ovf_text

TWO = {"a.vmdk": 10, "b.vmdk": 20}
LAUGHS = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>"
OUTSIDE = "<!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
PARAMETER = "<!DOCTYPE l [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x.dtd'> %x;]>"


def names(text: bytes) -> list[str]:
    """The files of the disks, in order."""
    return [disk.file.href for disk in read_ovf(text, "m.ovf").disks if disk.file]


def test_disks_come_in_the_order_of_the_drives() -> None:
    assert names(ovf_text(TWO)) == ["a.vmdk", "b.vmdk"]
    assert names(ovf_text(TWO, items=drive("d1", 1) + drive("d2", 0))) == ["b.vmdk", "a.vmdk"]
    assert names(ovf_text(TWO, items=drive("d1", 9, parent=4) + drive("d2", 0, parent=5))) == [
        "a.vmdk",
        "b.vmdk",
    ]


def test_without_drives_they_come_as_they_are_listed() -> None:
    assert names(ovf_text(TWO, items="")) == ["a.vmdk", "b.vmdk"]


def test_a_drive_may_be_a_cd_and_a_disk_may_be_in_none() -> None:
    cd = drive("d9", 5).replace("/disk/d9", "/file/f1")
    assert names(ovf_text(TWO, items=cd + drive("d2", 0))) == ["b.vmdk"]


@pytest.mark.parametrize(
    ("number", "units", "wanted"),
    [
        ("20", "byte * 2^30", 20 << 30), ("20", "byte*2^20", 20 << 20), ("7", "", 7), ("7", "byte * 10^3", 7000),
        ("8", "byte * 1024", 8192), ("2", "GigaBytes", 2 << 30), ("${size}", "byte", None), ("1", "furlong", None),
        ("1", "byte * x", None),
    ],
)  # fmt: skip
def test_capacities(number: str, units: str, wanted: int | None) -> None:
    section = f'<Disk ovf:diskId="d1" ovf:capacity="{number}" ovf:capacityAllocationUnits="{units}"/>'
    (disk,) = read_ovf(ovf_text({}, section=section, items=drive("d1", 0)), "m.ovf").disks
    assert (disk.file, disk.capacity) == (None, wanted)


def test_several_machines_are_told() -> None:
    text = ovf_text(TWO).replace(b"</Envelope>", b"<VirtualSystem ovf:id='other'/></Envelope>")
    assert read_ovf(text, "m.ovf").machines == ("vm", "other")


@pytest.mark.parametrize("before", [LAUGHS, OUTSIDE, PARAMETER, "<!DOCTYPE l>"])
def test_a_document_type_is_refused_before_anything_is_read_of_it(before: str) -> None:
    with pytest.raises(BadImage, match="document type or entities"):
        read_ovf(ovf_text(TWO, before=before), "m.ovf")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "not an OVF descriptor"),
        (b"<Envelope>", "not an OVF descriptor"),
        (b"<html/>", "no Envelope"),
        (b"\xff\xfe\0\0", "not an OVF descriptor"),
        (b'<?xml version="1.0" encoding="martian"?><Envelope/>', "not an OVF descriptor"),
        (b"<Envelope>&nowhere;</Envelope>", "not an OVF descriptor"),
        (b"<a>" * (DEEPEST + 1), "too deep"),
        (b" " * (LARGEST + 1), "descriptor of"),
        (ovf_text({}, files='<File ovf:id="f1" ovf:href="a" ovf:size="-1"/>'), "impossible size"),
        (ovf_text({}, files='<File ovf:id="f1" ovf:href="a"/>' * 2), "two files of the same id"),
        (ovf_text(TWO, section='<Disk ovf:diskId="d" ovf:fileRef="f1"/>' * 2), "two disks of the same id"),
        (ovf_text(TWO, section='<Disk ovf:diskId="d1" ovf:fileRef="f7"/>'), "not in its list: f7"),
        (
            ovf_text(TWO, section='<Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:parentRef="d0"/>'),
            "stands on another",
        ),
        (ovf_text(TWO, items=drive("d1", 0) + drive("d1", 1)), "in two drives"),
        (ovf_text(TWO, items=drive("d9", 0)), "no such disk"),
        (
            ovf_text(TWO, section="".join(f'<Disk ovf:diskId="d{n}" ovf:fileRef="f1"/>' for n in (1, 2))),
            "are the same file",
        ),
        (ovf_text(TWO, items=drive("x" * 5000, 0)), "more than 4096 characters"),
    ],
)
def test_what_contradicts_itself_is_named(text: bytes, says: str) -> None:
    with pytest.raises(BadImage, match=says):
        read_ovf(text, "m.ovf")


def test_a_million_elements_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgtools.disk.sources.ovf.MOST_ELEMENTS", 10)
    with pytest.raises(BadImage, match="too many elements"):
        read_ovf(ovf_text(TWO, files="<x/>" * 20), "m.ovf")
