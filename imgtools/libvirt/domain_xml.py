"""A libvirt domain definition, and the one of a clone: https://libvirt.org/formatdomain.html.

What is a machine's own is made anew or left to libvirt: name, UUID, network addresses, host devices by name, sockets,
ports, labels. Everything else stays, whether it is known here or not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from imgtools.errors import HostError, UnsupportedFormat, UsageError
from imgtools.libvirt.guest_disks import REMOVABLE
from imgtools.records.image import DiskSource

LIMIT = 16 << 20  # characters
LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"  # says which system the guest is; stays
NAMESPACES = {
    "libosinfo": LIBOSINFO,
    "qemu": "http://libvirt.org/schemas/domain/qemu/1.0",
}
OURS = "52:54:00"  # the first half of a MAC address of QEMU and KVM guests
CHARACTER = ("serial", "parallel", "console", "channel", "rng", "smartcard", "redirdev")


@dataclass(frozen=True, slots=True)
class NewMachine:
    """What a clone's definition has of its own."""

    name: str
    uuid: str
    macs: tuple[str, ...]
    disks: tuple[tuple[Path, str], ...]  # file and format of each disk that was cloned, in their order
    nvram: Path | None = None  # None: libvirt makes it from its template


class Definition:
    """One domain's definition.

    :raises UsageError: the text is not one.
    """

    def __init__(self, xml: str, place: str = "") -> None:
        if "<!DOCTYPE" in xml or len(xml) > LIMIT:
            raise UsageError(f"{place}not a libvirt domain")
        try:
            self._root = ElementTree.fromstring(xml)
        except ElementTree.ParseError as error:
            raise UsageError(f"{place}not XML: {error}") from None
        if self._root.tag != "domain" or not self._root.findtext("name"):
            raise UsageError(f"{place}not a libvirt domain", hint="virsh dumpxml --inactive NAME writes one")
        self.name = (self._root.findtext("name") or "").strip()
        self.uuid = (self._root.findtext("uuid") or "").strip()

    # -- what is there -------------------------------------------------------------------------------------

    def disks(self) -> tuple[DiskSource, ...]:
        """Return the disks that are cloned, in the order of the definition.

        :raises UnsupportedFormat: a disk is of a kind that can be neither cloned nor shared.
        """
        found = tuple(_source_of(disk) for disk in self._cloned_disks(self._root))
        if not found:
            raise UsageError(f"the domain {self.name} has no disk that could be cloned")
        return found

    def guest_disks(self) -> tuple[Element, ...]:
        """Return what defines disks, in the order of the definition."""
        found = self._root.iterfind("devices/disk")
        return tuple(disk for disk in found if disk.get("device", "disk") not in REMOVABLE)

    def resolve_volumes(self, path_of: Callable[[str, str], Path]) -> None:
        """Name the files of disks that are volumes of storage pools.

        :param path_of: where a volume is, by the names of its pool and its own.
        """
        for disk in _own_disks(self._root):
            source = disk.find("source")
            if disk.get("type") == "volume" and source is not None:
                path = path_of(source.attrib.pop("pool", ""), source.attrib.pop("volume", ""))
                source.set("file", str(path))
                disk.set("type", "file")

    def _cloned_disks(self, root: Element) -> Iterator[Element]:
        for disk in _own_disks(root):
            self._require_file(disk)
            yield disk

    def _require_file(self, disk: Element) -> None:
        kind, device = disk.get("type", "file"), disk.get("device", "disk")
        name = disk.find("target")
        which = f"the disk {name.get('dev', '') if name is not None else ''} of the domain {self.name}"
        hint = "take it out of the definition, or make it shareable there"
        if kind not in ("file", "block") or device != "disk":
            what = f"of the kind {kind}" if kind not in ("file", "block") else f"a {device}"
            raise UnsupportedFormat(f"{which} is {what} and cannot be cloned", hint=hint)
        if disk.find("encryption") is not None or disk.find("source/encryption") is not None:
            raise UnsupportedFormat(f"{which} is encrypted and cannot be cloned", hint=hint)
        if _source_name(disk) is None:
            raise UnsupportedFormat(f"{which} has no file", hint=hint)

    def nvram(self) -> Path | None:
        """Return the file of the firmware's variables; None: there is none."""
        found = self._root.find("os/nvram")
        return None if found is None else _nvram_path(found)

    def macs(self) -> tuple[str, ...]:
        """Return the addresses of the network cards; "" where libvirt is to make one."""
        cards = self._root.iterfind("devices/interface")
        found = (card.find("mac") for card in cards)
        return tuple("" if one is None else one.get("address", "").lower() for one in found)

    def warnings(self) -> tuple[str, ...]:
        """Return what clones would share, so that not all of them can run at once."""
        texts = []
        for device in self._root.iterfind("devices/hostdev"):
            texts.append(
                f"the clones share the host's device ({device.get('type', 'unknown')}) of {self.name}"
            )
        for tag in CHARACTER:
            for device in self._root.iterfind(f"devices/{tag}"):
                if device.get("type") in ("tcp", "udp") and _is_bound(device):
                    texts.append(f"the clones share the port of a {tag} device of {self.name}")
        if self._root.find(f"{{{NAMESPACES['qemu']}}}commandline") is not None:
            texts.append(f"the clones share the QEMU arguments of {self.name}")
        return tuple(texts)

    # -- another one ---------------------------------------------------------------------------------------

    def cloned(self, new: NewMachine) -> str:
        """Return the definition of a clone."""
        root = deepcopy(self._root)
        root.attrib.pop("id", None)
        _drop(root, "title")
        _drop(root, "uuid")
        for number, tag in enumerate(("name", "uuid")):
            element = root.find(tag)
            if element is None:
                element = Element(tag)
                element.tail = "\n  "
                root.insert(number, element)
            element.text = getattr(new, tag)
        self._renew_identity(root, new)
        for disk, (host_path, format) in zip(list(self._cloned_disks(root)), new.disks, strict=True):
            _redirect(disk, host_path, format)
        for card, mac in zip(root.iterfind("devices/interface"), new.macs, strict=True):
            _renew_card(card, mac)
        _renew_nvram(root, new.nvram)
        devices = root.find("devices")
        for device in devices if devices is not None else ():
            _renew_device(device, self.name, new.name)
        for prefix, uri in NAMESPACES.items():
            ElementTree.register_namespace(prefix, uri)
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    @staticmethod
    def _renew_identity(root: Element, new: NewMachine) -> None:
        genid = root.find("genid")
        if genid is not None:
            genid.text = None  # libvirt makes one
        for metadata in root.findall("metadata"):
            for element in list(metadata):
                if not element.tag.startswith(f"{{{LIBOSINFO}}}"):
                    metadata.remove(element)
            if len(metadata) == 0:
                root.remove(metadata)
        for label in root.findall("seclabel"):
            if label.get("type") != "none":
                root.remove(label)
        for system in root.iterfind("sysinfo/system"):
            for entry in system.findall("entry"):
                if entry.get("name") == "uuid":  # libvirt insists that it is the domain's
                    entry.text = new.uuid
                elif entry.get("name") == "serial":
                    system.remove(entry)


def new_macs(wanted: Sequence[str], count: int, taken: Collection[str]) -> tuple[str, ...]:
    """Return addresses for ``count`` network cards: those wanted, then others that nobody has.

    :raises UsageError: more are wanted than there are cards.
    """
    if len(wanted) > count:
        raise UsageError(f"{len(wanted)} addresses of network cards, and the domain has {count}")
    found = list(wanted)
    while len(found) < count:
        mac = ":".join([OURS, *(f"{byte:02x}" for byte in secrets.token_bytes(3))])
        if mac not in taken and mac not in found:
            found.append(mac)
    return tuple(found)


# -- parts of a definition ----------------------------------------------------------------------------------


def _own_disks(root: Element) -> Iterator[Element]:
    """CD-ROMs, and what the definition itself calls shareable or read-only, is for all clones."""
    for disk in root.iterfind("devices/disk"):
        is_shared = disk.find("shareable") is not None or disk.find("readonly") is not None
        if disk.get("device", "disk") not in ("cdrom", "floppy") and not is_shared:
            yield disk


def _drop(element: Element, tag: str) -> None:
    for child in element.findall(tag):
        element.remove(child)


def _source_name(disk: Element) -> str | None:
    source = disk.find("source")
    attribute = "dev" if disk.get("type") == "block" else "file"
    return None if source is None else source.get(attribute)


def _source_of(disk: Element) -> DiskSource:
    driver = disk.find("driver")
    # Without a type libvirt takes raw, and never looks: a guest could write another format's header into it.
    format = "raw" if driver is None else driver.get("type", "raw")
    return DiskSource(Path(_source_name(disk) or ""), format)


def _redirect(disk: Element, host_path: Path, format: str) -> None:
    """Let a disk be another file. What libvirt notes of a running guest's chain is left out."""
    for tag in ("backingStore", "mirror"):
        _drop(disk, tag)
    driver, source = disk.find("driver"), disk.find("source")
    if driver is None:
        driver = Element("driver", {"name": "qemu"})
        disk.insert(0, driver)
    driver.set("type", format)
    if source is not None:
        for name in list(source.attrib):
            if name != "startupPolicy":
                del source.attrib[name]
        for tag in ("seclabel", "slices"):
            _drop(source, tag)
        source.set("file", str(host_path))
    disk.set("type", "file")


def _renew_card(card: Element, mac: str) -> None:
    address, target = card.find("mac"), card.find("target")
    if address is None:
        address = Element("mac")
        card.insert(0, address)
    address.attrib.clear()
    address.set("address", mac)
    if target is not None and card.get("type") != "ethernet":
        target.attrib.pop("dev", None)  # the host's end of the cable: libvirt names it
        if not target.attrib:
            card.remove(target)
    for port in card.iterfind("virtualport/parameters"):
        port.attrib.pop("interfaceid", None)
        port.attrib.pop("instanceid", None)
    for rules in card.iterfind("filterref"):
        for parameter in rules.findall("parameter"):
            if parameter.get("name") in ("IP", "MAC"):  # of the old machine; libvirt learns the new ones
                rules.remove(parameter)


def _nvram_path(nvram: Element) -> Path | None:
    source = nvram.find("source")
    name = (source.get("file") if source is not None else nvram.text) or ""
    return Path(name.strip()) if name.strip() else None


def _renew_nvram(root: Element, host_path: Path | None) -> None:
    nvram = root.find("os/nvram")
    if nvram is None:
        return
    source = nvram.find("source")
    if host_path is None:
        nvram.text = None
        _drop(nvram, "source")
        nvram.attrib.pop("type", None)
    elif source is not None:
        source.set("file", str(host_path))
    else:
        nvram.text = str(host_path)


def _renew_device(device: Element, old: str, new: str) -> None:
    for alias in device.findall("alias"):
        if not alias.get("name", "").startswith("ua-"):  # ua-: a name that the user gave
            device.remove(alias)
    if device.tag in CHARACTER:
        _renew_character(device, old, new)
    elif device.tag == "graphics":
        _renew_graphics(device)
    elif device.tag == "vsock":
        for cid in device.iterfind("cid"):
            cid.set("auto", "yes")
            cid.attrib.pop("address", None)


def _is_bound(device: Element) -> bool:
    return any(source.get("mode", "bind") == "bind" for source in device.iterfind("source"))


def _renew_character(device: Element, old: str, new: str) -> None:
    """A serial line or channel: its socket or file is this machine's alone."""
    device.attrib.pop("tty", None)
    kind = device.get("type")
    if kind == "pty" or (kind == "unix" and device.tag == "channel" and _is_bound(device)):
        _drop(device, "source")  # libvirt makes it
    elif kind in ("file", "pipe") or (kind == "unix" and _is_bound(device)):
        for source in device.iterfind("source"):
            _rename(source, "path", old, new)
    for log in device.iterfind("log"):
        _rename(log, "file", old, new)


def _rename(element: Element, attribute: str, old: str, new: str) -> None:
    """Give a file of the old machine the new one's name, in its own folder."""
    path = Path(element.get(attribute, ""))
    if path.name:
        renamed = path.name.replace(old, new) if old in path.name else f"{new}-{path.name}"
        element.set(attribute, str(path.with_name(renamed)))


def _renew_graphics(device: Element) -> None:
    """Ports that were chosen by hand are taken by the old machine: libvirt chooses."""
    if device.get("port", "-1") != "-1" or device.get("tlsPort", "-1") != "-1":
        for name in ("port", "tlsPort", "websocket"):
            device.attrib.pop(name, None)
        device.set("autoport", "yes")
    device.attrib.pop("socket", None)
    for listen in device.iterfind("listen"):
        listen.attrib.pop("socket", None)


def read_definition(host_path: Path) -> Definition:
    """Read a definition from a file.

    :raises HostError: the file cannot be read.
    :raises UsageError: it holds no definition.
    """
    try:
        with host_path.open("rb") as stream:
            text = stream.read(LIMIT + 1).decode("utf-8")
    except OSError as error:
        raise HostError(f"cannot read {host_path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{host_path}: not UTF-8") from None
    return Definition(text, f"{host_path}: ")
