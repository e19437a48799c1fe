"""What virt-inspector prints: its elements, in its order, so that existing XPath queries work.

Source: virt-inspector(1) and inspector/inspector.c of guestfs-tools. Elements it leaves out when it knows nothing
are left out here too.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from imgtools.records.packages import Application
    from imgtools.workflows.inspect import InspectedGuest, InspectReport

# virt-inspector knows one dnf.
MANAGERS = {"dnf5": "dnf"}
APPLICATION = (
    "display_name",
    "epoch",
    "version",
    "release",
    "arch",
    "install_path",
    "publisher",
    "url",
    "source_package",
    "summary",
    "description",
)


def inspect_xml(report: InspectReport) -> str:
    """Return the whole document, as text."""
    top = inspect_tree(report)
    indent(top, "  ")
    return f'<?xml version="1.0"?>\n{tostring(top, encoding="unicode")}\n'


def inspect_tree(report: InspectReport) -> Element:
    """Return the whole document."""
    top = Element("operatingsystems")
    for guest in report.guests:
        _guest(SubElement(top, "operatingsystem"), guest)
    return top


def plain(text: str) -> str:
    """Return what XML 1.0 can hold: other control characters and bytes that are not UTF-8 become U+FFFD."""
    return "".join(letter if _is_xml(ord(letter)) else "\ufffd" for letter in text)


def _is_xml(code: int) -> bool:
    return (code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF)) or code in (
        9,
        10,
        13,
    )


def _text(parent: Element, name: str, value: str | int) -> None:
    """Add an element, unless the fact is not known."""
    if value not in ("", "unknown"):
        SubElement(parent, name).text = plain(str(value))


def _guest(top: Element, guest: InspectedGuest) -> None:
    for name, value in _facts(guest):
        _text(top, name, value)
        if name == "windows_current_control_set" and guest.windows is not None and guest.windows.group_policy:
            SubElement(top, "windows_group_policy")  # empty: it is there or not (guestfs-tools 1.56)
    _mounts(SubElement(top, "mountpoints"), guest)
    _filesystems(SubElement(top, "filesystems"), guest)
    if guest.drives:
        drives = SubElement(top, "drive_mappings")
        for drive in sorted(guest.drives, key=lambda drive: drive.letter.lower()):
            SubElement(drives, "drive_mapping", name=plain(drive.letter)).text = plain(drive.device)
    if guest.applications is not None:
        # virt-inspector looks into no user's registry.
        _applications(SubElement(top, "applications"), [one for one in guest.applications if not one.user])
    if guest.icon:
        _text(top, "icon", base64.encodebytes(guest.icon).decode("ascii"))


def _facts(guest: InspectedGuest) -> Iterator[tuple[str, str | int]]:
    os = guest.os
    yield "root", guest.root
    yield "name", os.type.value
    yield "arch", os.arch
    yield "distro", os.distro
    yield "product_name", os.product_name
    yield "product_variant", os.product_variant
    yield "major_version", os.major
    yield "minor_version", os.minor
    yield "package_format", os.package_format
    yield "package_management", MANAGERS.get(os.package_management, os.package_management)
    yield "windows_systemroot", os.windows_systemroot
    yield "windows_current_control_set", os.windows_current_control_set
    yield "hostname", os.hostname
    yield "build_id", os.build_id
    yield "osinfo", os.osinfo


def _mounts(parent: Element, guest: InspectedGuest) -> None:
    rows = [*guest.mounts, *(one for one in guest.missing if one.path.startswith("/"))]
    for mount in sorted(rows, key=lambda mount: (len(mount.path), mount.path)):
        SubElement(parent, "mountpoint", dev=plain(mount.device)).text = plain(mount.path)


def _filesystems(parent: Element, guest: InspectedGuest) -> None:
    """What the guest's fstab names, there or not, as virt-inspector has it; not what nobody uses."""
    rows = {row.device: row for row in guest.filesystems if row.used}
    for device in sorted({*rows, *(one.device for one in guest.missing)}):
        filesystem = SubElement(parent, "filesystem", dev=plain(device))
        if device in rows:
            _text(filesystem, "type", rows[device].content)
            _text(filesystem, "label", rows[device].label)
            _text(filesystem, "uuid", rows[device].uuid)


def _applications(parent: Element, applications: Sequence[Application]) -> None:
    for application in applications:
        element = SubElement(parent, "application")
        SubElement(element, "name").text = plain(application.name)
        for name in APPLICATION:
            value = getattr(application, name)
            if value and value != "unknown":
                SubElement(element, name).text = plain(str(value))
