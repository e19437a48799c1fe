"""Which services keep the clock of a Linux guest right."""

from __future__ import annotations

from imgtools.ops.service_checks import started
from imgtools.ops.station import Examined

# What they are called here, and what their units are called. Agents of hypervisors that set the clock count, too.
SERVICES = {
    "systemd-timesyncd": ("systemd-timesyncd", "dbus-org.freedesktop.timesync1"),
    "chronyd": ("chronyd", "chrony", "chronyd-restricted"),
    "ntpd": ("ntpd", "ntp", "ntpsec", "ntpd-rs"),
    "openntpd": ("openntpd",),
    "ptp4l": ("ptp4l", "phc2sys"),
}


def clock_services(examined: Examined) -> tuple[str, ...]:
    """The services that are started; to be asked with :meth:`Examined.once`."""
    there = examined.once(started)
    return tuple(name for name, units in SERVICES.items() if any(unit in there for unit in units))
