"""Guests of libvirt by their names, as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.door.opening import HostPath, maybe_path
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.records.domain import Domain


def domain(name: str = "", *, xml: HostPath | None = None, volume: str = "", connect: str = "") -> Domain:
    """Return a guest of libvirt, which is an image wherever one is wanted: all its disks, formats and keys.

    It is what libvirt says now; a guest that is not shut off is read with a warning, and never written.

    :param name: name, UUID or id of a domain.
    :param xml: a file with a definition, instead of a name.
    :param volume: POOL/VOLUME of a storage pool, instead of a name.
    :param connect: the URI of libvirt, as ``virsh --connect``; empty: its own choice.
    :raises HostError: there is no such domain or volume, nobody answers, or a disk is not there.
    :raises UsageError: libvirt is on another host, where its disks are.
    :raises UnsupportedFormat: a disk is of a kind that nobody here reads.
    """
    from imgtools.libvirt.named import Wanted, find_guests

    if [bool(name), xml is not None, bool(volume)].count(True) != 1:
        raise UsageError("one guest is named", hint="a name, xml= or volume=")
    domains, volumes = (name,) if name else (), (volume,) if volume else ()
    (found,) = find_guests(Wanted(domains, maybe_path(xml), volumes, connect=connect))
    return found


def domains(*, inactive: bool = False, connect: str = "") -> tuple[Domain, ...]:
    """Return all guests of libvirt that have disks, by name; opening one whose disks are not known raises why.

    :param inactive: only those that are shut off.
    :raises HostError: nobody answers.
    """
    from imgtools.libvirt.named import Wanted, find_guests

    return find_guests(Wanted(everyone=True, inactive=inactive, connect=connect))
