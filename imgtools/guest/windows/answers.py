r"""Answers for the setup of a Windows: unattend.xml, and where it lies for a guest that is still to be set up.

Sources: "Unattended Windows Setup Reference" (learn.microsoft.com) for components and settings, "Windows Setup
Automation Overview" for the places in which setup looks. Passwords are the base64 of their UTF-16 with the setting's
name behind them, as Windows' own System Image Manager hides them: whoever reads the file can tell them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import OddGuest
from imgtools.files.paths import join, parent_of
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.registry import Registry
from imgtools.guest.windows.setup_state import GENERALISED, image_state
from imgtools.records.request import Secret
from imgtools.records.system import OsInfo

ANSWERS = ("Panther/Unattend/unattend.xml", "Panther/unattend.xml")  # the first that setup finds
# Of a guest that generalises itself when it boots next: what its sysprep.exe is given.
STAGED = "/ProgramData/imgtools/firstboot/unattend.xml"
LONGEST = 1 << 20  # bytes
DEEPEST = 50  # elements in each other, of which Windows' own have some eight
SCHEMA = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
SHELL = "Microsoft-Windows-Shell-Setup"
INTERNATIONAL = "Microsoft-Windows-International-Core"
SPECIALIZE, OOBE = "specialize", "oobeSystem"  # passes of setup
TOKEN = "31bf3856ad364e35"  # the public key of all of Windows' own components
PROCESSORS = {"x86_64": "amd64", "i386": "x86", "aarch64": "arm64"}
SECRETS = (b"password>", b"productkey>")
# No page of the first boot asks for anything: "Microsoft-Windows-Shell-Setup, OOBE" (learn.microsoft.com).
NO_PAGES = {
    "HideEULAPage": "true",
    "HideLocalAccountScreen": "true",
    "HideOEMRegistrationScreen": "true",
    "HideOnlineAccountScreens": "true",
    "HideWirelessSetupInOOBE": "true",
    "ProtectYourPC": "3",
    "SkipMachineOOBE": "true",
    "SkipUserOOBE": "true",
}


class Answers:
    """A file of answers that is edited; ``changed`` says whether an edit made a difference.

    :param content: the file; b"" is a new one.
    :param processor: Windows' word for the guest's: amd64, x86, arm64.
    :param path: the file's path, for messages.
    :raises OddGuest: it is no XML, is nested too deep, or has a document type, which could grow without bound.
    """

    def __init__(self, content: bytes, processor: str, path: str) -> None:
        ElementTree.register_namespace("", SCHEMA)
        ElementTree.register_namespace("wcm", WCM)
        plain = content.replace(b"\0", b"")  # of UTF-16
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise OddGuest(f"{path} has a document type", hint="answers for Windows' setup have none")
        try:
            self._root = ElementTree.fromstring(content) if content else Element(f"{{{SCHEMA}}}unattend")
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise OddGuest(f"{path} does not parse: {error}", hint="mend or remove it") from None
        if _is_deeper(self._root, DEEPEST):
            raise OddGuest(f"{path} is nested more than {DEEPEST} deep", hint="mend or remove it")
        self._processor = processor
        self.changed = False

    def set(self, phase: str, component: str, *path: str, text: str) -> None:
        """Give a setting a value: ``set(OOBE, SHELL, "OOBE", "HideEULAPage", text="true")``."""
        here = self._component(phase, component)
        for tag in path:
            here = self._child(here, tag, {})
        if here.text != text:
            here.text, self.changed = text, True

    def hide(self, secret: Secret, *path: str) -> None:
        """Set a password of the pass oobeSystem; its name is the last of the path."""
        hidden = (secret.reveal().decode("utf-8") + path[-1]).encode("utf-16-le")
        self.set(OOBE, SHELL, *path, "Value", text=base64.b64encode(hidden).decode())
        self.set(OOBE, SHELL, *path, "PlainText", text="false")

    def run_at_first_logon(self, line: str) -> None:
        """Add a command that runs when somebody logs on for the first time; one that is there is not added again."""
        commands = self._child(self._component(OOBE, SHELL), "FirstLogonCommands", {})
        tag = f"{{{SCHEMA}}}SynchronousCommand"
        if any(one.findtext(f"{{{SCHEMA}}}CommandLine") == line for one in commands.iterfind(tag)):
            return
        orders = [one.findtext(f"{{{SCHEMA}}}Order") or "" for one in commands.iterfind(tag)]
        last = max(
            (int(one) for one in orders if one.isascii() and one.isdigit() and len(one) < 5), default=0
        )
        new = SubElement(commands, tag, {f"{{{WCM}}}action": "add"})
        for name, text in (("Order", str(last + 1)), ("CommandLine", line)):
            SubElement(new, f"{{{SCHEMA}}}{name}").text = text
        self.changed = True

    def written(self) -> bytes:
        """Return the file."""
        text: bytes = ElementTree.tostring(self._root, encoding="utf-8", xml_declaration=True)
        return text + b"\n"

    def _component(self, phase: str, name: str) -> Element:
        settings = self._child(self._root, "settings", {"pass": phase})
        component = self._child(
            settings, "component", {"name": name, "processorArchitecture": self._processor}
        )
        if not component.get("publicKeyToken"):
            component.attrib.update(publicKeyToken=TOKEN, language="neutral", versionScope="nonSxS")
        return component

    def _child(self, above: Element, tag: str, attributes: dict[str, str]) -> Element:
        """Return the element of a tag and attributes, made if it is missing."""
        for one in above.iterfind(f"{{{SCHEMA}}}{tag}"):
            if all(one.get(key, "").lower() == value.lower() for key, value in attributes.items()):
                return one
        self.changed = True
        return SubElement(above, f"{{{SCHEMA}}}{tag}", attributes)


def _is_deeper(root: Element, limit: int) -> bool:
    level = [root]
    for _ in range(limit):
        level = [below for one in level for below in one]
    return bool(level)


def waits_for_setup(registry: Registry) -> bool:
    """Whether the guest is still to be set up, when it boots next or when it has generalised itself."""
    return registry.files.is_file(STAGED) or image_state(registry) in GENERALISED


def answer_changes(
    files: GuestReader, os: OsInfo, edit: Callable[[Answers], None], what: str
) -> Iterator[Change]:
    """Yield the answers for setup as an edit leaves them, if it changes anything.

    :param what: what the plan shows, where the file holds what nobody is to see.
    :raises OddGuest: answers that are there do not parse.
    """
    path = _place(files, os)
    content = files.read_bytes(path, limit=LONGEST) if files.is_file(path) else b""
    answers = Answers(content, PROCESSORS.get(os.arch, "amd64"), path)
    edit(answers)
    if answers.changed:
        new = answers.written()
        private = any(mark in content.lower() or mark in new.lower() for mark in SECRETS)
        if not files.is_dir(folder := parent_of(path)):
            yield MakeDirectory(folder)
        yield WriteFile(path, new, private=private, what=what if private else "")


def _place(files: GuestReader, os: OsInfo) -> str:
    found = (STAGED, *(join(os.windows_systemroot, place) for place in ANSWERS))
    return next((place for place in found if files.is_file(place)), found[-1])
