"""The disks of a guest as its libvirt definition has them: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms.

They come in the order in which libvirt attaches them: buses as the definition names them first, and on each bus by
target (``virDomainDiskInsert`` of libvirt's domain_conf.c). Discs and floppies are no disks of the guest's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from imgtools.errors import HostError, UnsupportedFormat
from imgtools.libvirt.network_disk import uri_of

MOST_DISKS = 256  # of one guest; QEMU's buses take fewer
REMOVABLE = frozenset({"cdrom", "floppy"})
# What libvirt takes a target's bus to be where the definition does not say (virDomainDiskDefPostParse).
_BUS_OF = (("hd", "ide"), ("sd", "scsi"), ("vd", "virtio"), ("xvd", "xen"), ("ubd", "uml"))


class DefinedDisk(NamedTuple):
    """One disk of a definition."""

    target: str  # vda, sdb; what the guest may call it, or not
    format: str  # as QEMU calls it
    path: str = ""  # a file or block device
    volume: tuple[str, str] | None = None  # a storage pool and its volume
    uri: str = ""  # elsewhere on the network
    secret: tuple[str, str] | None = None  # UUID and use of the secret that opens it
    read_only: bool = False
    sector_size: int = 0  # bytes; 0: as ever


def defined_disks(elements: Iterable[Element], domain: str) -> tuple[DefinedDisk, ...]:
    """Return the disks that ``devices/disk`` elements define.

    :raises UnsupportedFormat: one is of a kind that nobody here reads; none is ever left out silently.
    :raises HostError: there are none, or more than any guest has.
    """
    own = [one for one in elements if one.get("device", "disk") not in REMOVABLE]
    if not own:
        raise HostError(f"the domain {domain} has no disks", hint="CD-ROMs and floppies are left out")
    if len(own) > MOST_DISKS:
        raise HostError(f"the domain {domain} has {len(own)} disks, more than {MOST_DISKS}")
    return tuple(_read(one, domain) for one in _in_order(own))


def _in_order(disks: Sequence[Element]) -> list[Element]:
    buses = list(dict.fromkeys(_bus(disk) for disk in disks))
    return sorted(disks, key=lambda disk: (buses.index(_bus(disk)), _place(_target(disk))))


def _target(disk: Element) -> str:
    found = disk.find("target")
    return "" if found is None else found.get("dev", "")


def _bus(disk: Element) -> str:
    found = disk.find("target")
    said = "" if found is None else found.get("bus", "")
    return said or next((bus for start, bus in _BUS_OF if _target(disk).startswith(start)), "")


def _place(target: str) -> tuple[int, str]:
    """Where a target stands on its bus: sdz comes before sdaa."""
    letters = re.sub(r"^(?:[hsvu]|xv|ub)d", "", target)
    return len(letters), letters


def _read(disk: Element, domain: str) -> DefinedDisk:
    target, kind = _target(disk), disk.get("type", "file")
    which = f"the disk {target or '(without a target)'} of {domain}"
    source = disk.find("source")
    if source is None:
        raise UnsupportedFormat(f"{which} has no file")
    if source.find("slices") is not None:
        raise UnsupportedFormat(f"{which} is a slice of a file", hint="imgtools dd takes it out")
    driver = disk.find("driver")
    # Without a type libvirt takes raw, and never looks: a guest could write another format's header into it.
    found = DefinedDisk(
        target=target,
        format="raw" if driver is None else driver.get("type", "raw"),
        secret=_secret(disk, source),
        read_only=disk.find("readonly") is not None,
        sector_size=_sector_size(disk, which),
    )
    if found.secret is not None and found.format == "raw":
        found = found._replace(format="luks")  # to libvirt a property of a raw file
    if kind == "network":
        return found._replace(uri=uri_of(source, which))
    if kind == "volume":
        pool, volume = source.get("pool", ""), source.get("volume", "")
        if pool and volume:
            return found._replace(volume=(pool, volume))
    if kind in ("file", "block"):
        path = source.get("dev" if kind == "block" else "file", "")
        if Path(path).is_absolute():
            return found._replace(path=path)
        raise UnsupportedFormat(
            f"{which} is {path!r}, which is no absolute path", hint="libvirt takes no other"
        )
    raise UnsupportedFormat(f"{which} is of the kind {kind}, which is no image that can be opened")


def _sector_size(disk: Element, which: str) -> int:
    found = disk.find("blockio")
    said = "" if found is None else found.get("logical_block_size", "")
    if said not in ("", "512", "4096"):
        raise UnsupportedFormat(f"{which} has sectors of {said} bytes, which no disk has")
    return int(said or 0)


def _secret(disk: Element, source: Element) -> tuple[str, str] | None:
    """Return UUID and use of the passphrase's secret; both empty if the definition does not name it."""
    encryption = source.find("encryption")
    encryption = disk.find("encryption") if encryption is None else encryption
    if encryption is None:
        return None
    secret = encryption.find("secret")
    return ("", "") if secret is None else (secret.get("uuid", ""), secret.get("usage", ""))
