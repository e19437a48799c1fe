"""The name of a Windows machine: where its registry keeps it, and where its setup is told it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from imgtools.change.change import Change, RegistrySet, WriteFile
from imgtools.errors import OddGuest, UsageError
from imgtools.files.paths import join
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.registry import MACHINE, open_registry
from imgtools.guest.windows.setup_state import GENERALISED, image_state
from imgtools.records.system import OsInfo

LONGEST = 15  # letters of a NetBIOS name: "Naming conventions in Active Directory" (learn.microsoft.com)
CONTROL = rf"{MACHINE}\SYSTEM\CurrentControlSet\Control\ComputerName"
TCPIP = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
# Where setup looks for its answers: "Windows Setup Automation Overview" (learn.microsoft.com), the first that it finds.
ANSWERS = ("Panther/Unattend/unattend.xml", "Panther/unattend.xml")
LONGEST_ANSWERS = 1 << 20  # bytes
SCHEMA = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
SHELL = "Microsoft-Windows-Shell-Setup"
PROCESSORS = {"x86_64": "amd64", "i386": "x86", "aarch64": "arm64"}


def require_computer_name(name: str) -> None:
    """Refuse what no Windows takes.

    :raises UsageError: it is longer than 15 letters, has others than letters, digits and hyphens, or is a number.
    """
    if (
        len(name) > LONGEST
        or not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", name)
        or name.isdigit()
    ):
        raise UsageError(
            f"not a computer name of Windows: {name!r}",
            hint=f"letters, digits and hyphens, at most {LONGEST}, and not digits alone",
        )


def name_changes(files: GuestReader, os: OsInfo, name: str) -> Iterator[Change]:
    """Yield what gives the machine a name; of one that waits for its setup, also the answer that setup asks for.

    :raises UsageError: it is no name.
    :raises OddGuest: a hive, or the answers that are there, do not parse.
    """
    require_computer_name(name)
    with open_registry(files, os.windows_systemroot) as registry:
        for key, value, text in (
            (rf"{CONTROL}\ComputerName", "ComputerName", name.upper()),
            (TCPIP, "Hostname", name),
            (TCPIP, "NV Hostname", name),
        ):
            place = registry.place(key)
            yield RegistrySet(place.path, place.key, value, text=text)
        active = rf"{CONTROL}\ActiveComputerName"
        if registry.find(active) is not None:
            place = registry.place(active)
            yield RegistrySet(place.path, place.key, "ComputerName", text=name.upper())
        if image_state(registry) in GENERALISED:
            yield from _answers(files, os, name)


def _answers(files: GuestReader, os: OsInfo, name: str) -> Iterator[WriteFile]:
    found = (join(os.windows_systemroot, place) for place in ANSWERS)
    path = next((place for place in found if files.is_file(place)), "")
    content = files.read_bytes(path, limit=LONGEST_ANSWERS) if path else b""
    path = path or join(os.windows_systemroot, ANSWERS[1])
    new = with_computer_name(content, name, PROCESSORS.get(os.arch, "amd64"), path)
    if new != content:
        yield WriteFile(path, new)


def with_computer_name(content: bytes, name: str, processor: str, path: str) -> bytes:
    """Return answers for setup in which the computer has a name; ``content`` empty makes new ones.

    :raises OddGuest: they are no XML, or have a document type, which could grow without bound.
    """
    ElementTree.register_namespace("", SCHEMA)
    ElementTree.register_namespace("wcm", WCM)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise OddGuest(f"{path} has a document type", hint="answers for Windows' setup have none")
    try:
        root = ElementTree.fromstring(content) if content else Element(f"{{{SCHEMA}}}unattend")
    except (ElementTree.ParseError, ValueError) as error:
        raise OddGuest(f"{path} does not parse: {error}", hint="mend or remove it") from None
    settings = _child(root, "settings", {"pass": "specialize"})
    component = _child(settings, "component", {"name": SHELL, "processorArchitecture": processor})
    if not component.get("publicKeyToken"):
        component.attrib.update(publicKeyToken="31bf3856ad364e35", language="neutral", versionScope="nonSxS")
    _child(component, "ComputerName", {}).text = name
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _child(above: Element, tag: str, attributes: dict[str, str]) -> Element:
    """Return the element of a tag and attributes, made if it is missing."""
    for one in above.iterfind(f"{{{SCHEMA}}}{tag}"):
        if all(one.get(key, "").lower() == value.lower() for key, value in attributes.items()):
            return one
    return SubElement(above, f"{{{SCHEMA}}}{tag}", attributes)
