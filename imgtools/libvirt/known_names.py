"""The names of all guests and volumes that a libvirt knows, for who is typing one of them."""

from __future__ import annotations

from imgtools.libvirt.named import connected


def domain_names(connect: str = "") -> tuple[str, ...]:
    """Return the name of every domain.

    :param connect: as ``virsh --connect``; "" is libvirt's own choice.
    :raises HostError: nobody answers.
    :raises UsageError: libvirt is on another host, where its disks are.
    """
    with connected(connect) as libvirt:
        return libvirt.domain_names()


def volume_names(connect: str = "") -> tuple[str, ...]:
    """Return every volume of every running storage pool, as POOL/VOLUME; errors as :func:`domain_names`."""
    with connected(connect) as libvirt:
        return libvirt.volume_names()
