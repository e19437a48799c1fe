"""What the stations of Windows ask for in common: facts that are read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgtools.ops.station import Examined

if TYPE_CHECKING:
    from imgtools.guest.windows.boot_facts import BootFacts
    from imgtools.guest.windows.boot_place import BootPlace
    from imgtools.guest.windows.last_events import LastBoot

VISTA = 6  # its major version: the first Windows with bootmgr and a boot configuration


def boot_facts(examined: Examined) -> BootFacts:
    """Return what registry and boot configuration say; ask for it with ``examined.once``."""
    from imgtools.guest.windows.boot_facts import read_boot_facts

    return read_boot_facts(examined.system)


def boot_place(examined: Examined) -> BootPlace | None:
    """Return the volume that Windows boots from; ask for it with ``examined.once``."""
    from imgtools.guest.windows.boot_place import find_boot_place

    return find_boot_place(examined.system, examined.layout, examined.open_volume)


def last_boot(examined: Examined) -> LastBoot:
    """Return what the event log says of the last boot; ask for it with ``examined.once``."""
    from imgtools.guest.windows.last_events import read_last_boot

    return read_last_boot(examined.files, examined.system.os.windows_systemroot)


def is_old(examined: Examined) -> bool:
    """Whether this is a Windows before Vista, which NTLDR starts; one whose version is not known is none."""
    return 0 < examined.system.os.major < VISTA
