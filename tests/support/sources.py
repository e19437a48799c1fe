"""Archives with disks in them, as programs pack machines, and as nobody should."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from imgtools.disk.sources.opening import opened_sources
from imgtools.records.image import DiskSource
from tests.support.archives import END, member

MIB = 1 << 20
NAMESPACES = (
    'xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" '
    'xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"'
)


def ovf_text(
    disks: Mapping[str, int],
    *,
    files: str = "",
    section: str = "",
    items: str | None = None,
    before: str = "",
) -> bytes:
    """A descriptor of a machine whose disks are these files, each with its size, in this order.

    :param items: the drives; None: one for each disk.
    """
    names = list(enumerate(disks, 1))
    listed = "".join(f'<File ovf:id="f{n}" ovf:href="{name}" ovf:size="{disks[name]}"/>' for n, name in names)
    known = "".join(f'<Disk ovf:diskId="d{n}" ovf:fileRef="f{n}"/>' for n, _ in names)
    if items is None:
        items = "".join(drive(f"d{n}", n) for n, _ in names)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<Envelope {NAMESPACES}><References>{files or listed}'
        f"</References><DiskSection>{section or known}</DiskSection><VirtualSystem ovf:id='vm'>"
        f"<VirtualHardwareSection>{items}</VirtualHardwareSection></VirtualSystem></Envelope>"
    ).encode()


def drive(disk: str, place: int, parent: int = 3) -> str:
    """A drive of a machine, on a place of a controller."""
    return (
        f"<Item><rasd:AddressOnParent>{place}</rasd:AddressOnParent>"
        f"<rasd:HostResource>ovf:/disk/{disk}</rasd:HostResource><rasd:Parent>{parent}</rasd:Parent>"
        "<rasd:ResourceType>17</rasd:ResourceType></Item>"
    )


def manifest(files: Mapping[str, bytes], algorithm: str = "SHA256") -> bytes:
    """A manifest of these files."""
    name = algorithm.lower()
    lines = (f"{algorithm}({one})= {hashlib.new(name, files[one]).hexdigest()}\n" for one in files)
    return "".join(lines).encode()


def ova(path: Path, disks: Mapping[str, bytes], *, ovf: bytes | None = None, mf: bytes | None = None) -> Path:
    """Write an OVA.

    :param ovf: the descriptor; None: one that fits.
    :param mf: the manifest; None: one that fits; empty: none.
    """
    ovf = ovf if ovf is not None else ovf_text({name: len(content) for name, content in disks.items()})
    mf = mf if mf is not None else manifest({"m.ovf": ovf, **disks})
    first = {"m.ovf": ovf, **({"m.mf": mf} if mf else {})}
    return tar(path, {**first, **disks})


def tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a plain archive."""
    path.write_bytes(b"".join(member(name, content=content) for name, content in files.items()) + END)
    return path


def disk_bytes(letter: bytes = b"a", size: int = MIB) -> bytes:
    """What a raw disk holds: nothing that is any format."""
    return (b"disk " + letter).ljust(size, letter)


def contents(*host_paths: Path | str, digests: bool = False) -> list[bytes]:
    """What the disks hold that these words mean, as far as headers/ reads it."""
    from imgtools.disk.headers.hostfile import open_layer

    found = []
    with opened_sources([DiskSource(Path(one)) for one in host_paths], digests=digests) as disks:
        for disk in disks:
            with open_layer(disk.host_path, disk.inside) as file:
                found.append(file.read(0, file.size))
    return found
