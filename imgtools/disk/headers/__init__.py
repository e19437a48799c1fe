"""What a disk image's own bytes say, read by us before any other program opens the image.

Only headers and, up to a bound, allocation tables are read. Nothing here opens a file that an image names.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from imgtools.disk.headers.header import QUICK, THOROUGH, Extent, Header, damaged
from imgtools.disk.headers.hostfile import HostFile, open_host_file, open_layer
from imgtools.disk.headers.magic import probe
from imgtools.errors import BadImage, UsageError

__all__ = [
    "FORMATS",
    "QUICK",
    "THOROUGH",
    "Extent",
    "Header",
    "HostFile",
    "known_format",
    "open_host_file",
    "open_layer",
    "probe",
    "read_header",
]

# Where each format is read: its module, imported when an image is of it, and the function there.
_READERS = {
    "raw": ("others", "read_raw"),
    "qcow2": ("qcow2", "read_qcow2"),
    "qcow": ("qed", "read_qcow"),
    "qed": ("qed", "read_qed"),
    "vmdk": ("vmdk", "read_vmdk"),
    "vdi": ("others", "read_vdi"),
    "vpc": ("vhd", "read_vhd"),
    "vhdx": ("vhd", "read_vhdx"),
    "parallels": ("others", "read_parallels"),
    "luks": ("others", "read_luks"),
    "dmg": ("others", "read_dmg"),
    "bochs": ("others", "read_bochs"),
    "cloop": ("others", "read_cloop"),
}
FORMATS = tuple(_READERS)
REPAIR = "imgtools check --repair all --write repairs what can be repaired"

# Other names that people and other programs use. A backing file recorded as "file" or "host_device" is raw.
_ALIASES = {"vhd": "vpc", "img": "raw", "iso": "raw", "file": "raw", "host_device": "raw"}


def known_format(name: str) -> str:
    """Return QEMU's name of the format that ``name`` means.

    :raises UsageError: there is no such format.
    """
    found = _ALIASES.get(name.lower(), name.lower())
    if found not in _READERS:
        raise UsageError(f"unknown image format: {name}", hint=f"one of {', '.join(FORMATS)}")
    return found


def read_header(file: HostFile, format: str, budget: int = QUICK, *, may_be_cut: bool = False) -> Header:
    """Read the header of an image whose format is known.

    :param budget: bytes of allocation tables to read at most when looking for a cut.
    :param may_be_cut: a file that is too short, or damaged in a way that can be repaired, is a problem of the header,
        not an error.
    :raises BadImage: the bytes are not of this format, damaged or cut.
    """
    if format not in ("raw", "vpc", "dmg"):
        found = probe(file)
        if found != format:
            fact = "no disk image format" if found == "raw" else found
            raise BadImage(f"not a {format} image: {file.name} looks like {fact}", hint=f"--format {found}")
    header = _reader(format)(file, budget)
    if header.to_repair:
        if not may_be_cut:
            raise BadImage(f"{file.name}: {header.to_repair}", hint=REPAIR)
        header = header._replace(problems=(*header.problems, header.to_repair))
    if header.needs > file.size:
        fact = f"truncated: its tables name bytes up to {header.needs}, the file has {file.size}"
        if may_be_cut:
            return header._replace(problems=(*header.problems, f"is {fact}"))
        raise BadImage(f"{file.name} is {fact}", hint="copy the image again from where it is whole")
    if header.virtual_size >= 1 << 63:
        raise damaged(file, f"a disk of {header.virtual_size} bytes")
    return header


def _reader(format: str) -> Callable[[HostFile, int], Header]:
    module, function = _READERS[format]
    reader: Callable[[HostFile, int], Header] = getattr(import_module(f"{__name__}.{module}"), function)
    return reader
