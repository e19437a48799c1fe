"""Virtio drivers of the host put into a Windows guest: what operations of several shelves do with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.records.system import Warned

if TYPE_CHECKING:  # the shelves are read for every guest
    from imgtools.guest.windows.driver_choice import Choice
    from imgtools.guest.windows.driver_install import DriverGuest


def virtio_changes(guest: Guest, source: str) -> Iterator[Change]:
    """Yield the files and the entries of the registry; ``source`` is a disc image or a folder of the host.

    :raises HostError: the drivers are not there, cannot be read, or an INF file does not parse.
    :raises BadImage: the file is no disc image.
    :raises UnsupportedGuest: none of them is for the guest.
    :raises OddGuest: a hive of the guest is damaged.
    """
    from imgtools.guest.windows.driver_install import install_drivers

    with _chosen(guest, source) as (place, choice):
        yield from install_drivers(place, choice)


def virtio_remarks(guest: Guest, source: str) -> Iterator[Warned]:
    """Yield the drivers that the guest has in a newer version, and those that are left out.

    :raises ImgtoolsError: as :func:`virtio_changes`.
    """
    from imgtools.guest.windows.driver_install import kept_drivers

    with _chosen(guest, source) as (place, choice):
        yield from kept_drivers(place, choice)


@contextmanager
def _chosen(guest: Guest, source: str) -> Iterator[tuple[DriverGuest, Choice]]:
    from imgtools.guest.windows.driver_choice import choose_drivers
    from imgtools.guest.windows.driver_install import driver_guest
    from imgtools.guest.windows.driver_source import open_source
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        place = driver_guest(guest.files, guest.os, registry)
        yield place, choose_drivers(open_source(Path(source)), place.target)
