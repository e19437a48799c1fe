"""The machine for a Windows guest: on which bus it finds its disk again, and how much memory it takes."""

from __future__ import annotations

from imgtools.errors import GuestFileError, OddGuest
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import MACHINE, Registry, open_registry

SERVICES = rf"{MACHINE}\SYSTEM\CurrentControlSet\Services"
# Bus -> the services that drive it; the first bus with one that starts at boot is taken. viostor and vioscsi are
# virtio-win's; storahci is of Windows 8, msahci of Vista, iaStorV Intel's; atapi and intelide are of all.
DRIVERS = (
    ("virtio", ("viostor",)),
    ("scsi", ("vioscsi",)),
    ("sata", ("storahci", "msahci", "iaStorV", "iaStorAV")),
)
AT_BOOT, DISABLED = 0, 4  # values of a service's Start
GIB = 1 << 30


def windows_bus(guest: Guest) -> tuple[str, str]:
    """Return the bus whose driver Windows starts at boot, and why."""
    try:
        with open_registry(guest.files, guest.os.windows_systemroot) as registry:
            for bus, names in DRIVERS:
                for name in names:
                    if starts_at_boot(registry, name):
                        return bus, f"Windows starts {name} at boot"
    except (OddGuest, GuestFileError) as error:
        return "ide", f"the registry does not tell: {error.message}"
    return "ide", "Windows starts no other driver of disks at boot"


def starts_at_boot(registry: Registry, name: str) -> bool:
    r"""Whether a driver runs from the start. ``StartOverride`` takes one away whose device was not there at Setup."""
    if registry.number(rf"{SERVICES}\{name}", "Start") != AT_BOOT:
        return False
    return registry.number(rf"{SERVICES}\{name}\StartOverride", "0") in (None, AT_BOOT)


def windows_memory(guest: Guest) -> int:
    r"""Whether a driver runs from the start; ``StartOverride`` takes one away whose device Setup has not seen."""
    if guest.os.major < 6:
        return GIB // 2
    if (guest.os.major, guest.os.minor) < (6, 2) or guest.os.arch != "x86_64":
        return 2 * GIB
    return 4 * GIB
