"""What an OVF descriptor says of a machine's disks. It is a stranger's text: no word of it is believed, or followed.

Sources: DMTF DSP0243 (Open Virtualization Format 1.1 and 2.1), and 0.9 as VMware wrote it: of names only the local part
counts, which all of them share. No OVF has a document type, and so neither entities nor anything outside that XML could
name: a text that has one is refused before a word of it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple
from xml.parsers import expat

from imgtools.errors import BadImage, shorten

LARGEST = 4 << 20  # bytes of a descriptor; those of large machines have some 100 KB
DEEPEST = 64  # elements inside each other
MOST_ELEMENTS = 100_000
LONGEST_TEXT = 4096  # characters of what stands in an element that is looked at
DISK = "17"  # CIM_ResourceAllocationSettingData.ResourceType: Disk Drive
_UNITS = re.compile(r"(?:(\d{1,4}) \^ (\d{1,2})|(\d{1,15}))")
_WORDS = {"": 1, "byte": 1, "bytes": 1, "kilobytes": 1 << 10, "megabytes": 1 << 20, "gigabytes": 1 << 30}
_ITEM_FIELDS = frozenset({"ResourceType", "HostResource", "Parent", "AddressOnParent"})


class OvfFile(NamedTuple):
    """A file that the descriptor names."""

    href: str
    size: int | None  # bytes in the package; None: it does not say
    compression: str  # "", "gzip"
    is_chunked: bool


class OvfDisk(NamedTuple):
    """A disk of the machine, in the order in which it has them."""

    id: str
    file: OvfFile | None  # None: it is empty, and made when the machine is
    capacity: int | None  # bytes; None: the descriptor does not say, or in a way that only an installer knows


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a descriptor."""

    disks: tuple[OvfDisk, ...]
    machines: tuple[str, ...]  # their ids


def read_ovf(text: bytes, name: str) -> Envelope:
    """Read a descriptor.

    :param name: of the file, for errors.
    :raises BadImage: it is damaged, has a document type, or contradicts itself.
    """
    if len(text) > LARGEST:
        raise BadImage(f"{name}: an OVF descriptor of {len(text)} bytes", hint=f"at most {LARGEST} are read")
    reader = _Reader(name)
    reader.read(text)
    machines = tuple(one.get("id", "") for one in reader.machines)
    return Envelope(tuple(_disks(reader, name)), machines)


@dataclass(slots=True)
class _Reader:
    """The elements that say something of disks, with their attributes, and what stands in those of an item."""

    name: str
    files: list[Mapping[str, str]] = field(default_factory=list)
    disks: list[Mapping[str, str]] = field(default_factory=list)
    machines: list[Mapping[str, str]] = field(default_factory=list)
    items: list[dict[str, str]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _count: int = 0

    def read(self, text: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        try:
            parser.Parse(text, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise BadImage(f"{self.name}: not an OVF descriptor: {error}", hint="it is damaged") from None
        if not self._count or self._first != "Envelope":
            raise BadImage(f"{self.name}: not an OVF descriptor: no Envelope")

    _first: str = ""

    def _refuse(self, *_: object) -> None:
        raise BadImage(
            f"{self.name} has a document type or entities, which no OVF has", hint="it is made to do harm"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        word = tag.rpartition(" ")[2]
        self._count += 1
        self._first = self._first or word
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST:
            raise BadImage(f"{self.name}: too many elements, or too deep", hint="it is made to do harm")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        above = self._open[-1] if self._open else ""
        if (above, word) == ("References", "File"):
            self.files.append(plain)
        elif word == "Disk" and above in ("DiskSection", "Section"):
            self.disks.append(plain)
        elif word in ("VirtualSystem", "Content") and above in ("Envelope", "VirtualSystemCollection"):
            self.machines.append(plain)
        elif word in ("Item", "StorageItem"):
            self.items.append({})
        self._open.append(word)

    def _end(self, tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        word = self._open[-1]
        if len(self._open) > 1 and self._open[-2] in ("Item", "StorageItem") and word in _ITEM_FIELDS:
            said = self.items[-1].get(word, "") + text
            if len(said) > LONGEST_TEXT:
                raise BadImage(f"{self.name}: a {word} of more than {LONGEST_TEXT} characters")
            self.items[-1][word] = said


def _disks(reader: _Reader, name: str) -> Iterator[OvfDisk]:
    """Yield the disks in the machine's order: that of its drives, else that of the list of disks."""
    files = {one.get("id", ""): _file(one, name) for one in reader.files}
    if len(files) < len(reader.files):
        raise BadImage(f"{name} has two files of the same id")
    known = {one.get("diskId", ""): _disk(one, files, name) for one in reader.disks}
    if len(known) < len(reader.disks):
        raise BadImage(f"{name} has two disks of the same id")
    order = list(_order(reader, known, name)) or list(known)
    if len(set(order)) < len(order):
        raise BadImage(f"{name} has a disk in two drives of one machine")
    named = [disk.file.href for disk in known.values() if disk.file]
    if twice := next((one for one in named if named.count(one) > 1), None):
        raise BadImage(f"{name}: two disks are the same file, {shorten(twice)}")
    yield from (known[one] for one in order)


def _order(reader: _Reader, known: Mapping[str, OvfDisk], name: str) -> Iterator[str]:
    """Yield ids of disks as the drives have them: of one controller after the other, by their place on it."""
    drives = [one for one in reader.items if one.get("ResourceType", "").strip() == DISK]
    drives = [one for one in drives if one.get("HostResource")]
    parents = list(dict.fromkeys(one.get("Parent", "") for one in drives))

    def place(one: dict[str, str]) -> tuple[int, int]:
        at = one.get("AddressOnParent", "").strip()
        return parents.index(one.get("Parent", "")), int(at) if re.fullmatch(r"[0-9]{1,9}", at) else 0

    for one in sorted(drives, key=place):
        resource = one["HostResource"].strip()
        kind, _, word = resource.removeprefix("ovf:").lstrip("/").partition("/")
        if kind == "disk" and word in known:
            yield word
        elif kind == "file":  # a CD's image, mostly: a drive of another kind, and no disk
            continue
        else:
            raise BadImage(f"{name}: a drive has {shorten(resource)}, and there is no such disk")


def _file(said: Mapping[str, str], name: str) -> OvfFile:
    href, size = said.get("href", ""), said.get("size", "")
    if size and not re.fullmatch(r"[0-9]{1,18}", size):
        raise BadImage(f"{name}: {shorten(href)} has an impossible size, {shorten(size, 40)}")
    compression = said.get("compression", "").lower().replace("identity", "")
    return OvfFile(href, int(size) if size else None, compression, bool(said.get("chunkSize")))


def _disk(said: Mapping[str, str], files: Mapping[str, OvfFile], name: str) -> OvfDisk:
    id, reference = said.get("diskId", ""), said.get("fileRef", "")
    if said.get("parentRef"):
        raise BadImage(
            f"{name}: the disk {shorten(id)} stands on another one of the package, which is not read",
            hint="import it with what has made it, and export it whole",
        )
    if reference and reference not in files:
        raise BadImage(
            f"{name}: the disk {shorten(id)} is in a file that is not in its list: {shorten(reference)}"
        )
    file = files[reference] if reference else None
    return OvfDisk(id, file, _capacity(said.get("capacity", ""), said.get("capacityAllocationUnits", "")))


def _capacity(number: str, units: str) -> int | None:
    """Return a capacity in bytes: "byte * 2^30" (DSP0004, programmatic units), "GigaBytes" of old."""
    if not re.fullmatch(r"[0-9]{1,18}", number):
        return None  # empty, or a property that is asked for when the machine is made: ${disk.size}
    word, *factors = (one.strip() for one in units.lower().replace("^", " ^ ").split("*"))
    if word not in _WORDS:
        return None
    found = int(number) * _WORDS[word]
    for one in factors:
        match = _UNITS.fullmatch(" ".join(one.split()))
        if match is None:
            return None
        found *= int(match[1]) ** int(match[2]) if match[1] else int(match[3])
    return found


def require_plain(href: str, name: str) -> None:
    """Make sure that a name in a descriptor is that of a file of its package.

    :raises BadImage: it is empty, leads elsewhere, or is an address.
    """
    parts = PurePosixPath(href).parts
    if "://" in href or not parts or href.startswith("/") or ".." in parts or "\\" in href or "\0" in href:
        raise BadImage(
            f"{name} names {shorten(href)!r}, which is no file of its package",
            hint="only files of the package itself are opened",
        )
