"""What several checks of logging ask of a guest."""

from __future__ import annotations

from imgtools.guest.health.units import UnitLine
from imgtools.guest.logs.keepers import DAEMONS
from imgtools.guest.settings.systemd_conf import systemd_settings
from imgtools.ops.service_checks import starts
from imgtools.ops.station import Examined


def journald(examined: Examined) -> dict[str, UnitLine]:
    """The settings of journald."""
    return systemd_settings(examined.files, "journald")


def syslog_of(examined: Examined) -> str:
    """The daemon of syslog that is started; "" if there is none."""
    return starts(examined, *DAEMONS)


def keeps_journal(examined: Examined) -> bool:
    """Whether the journal is on the disk: Storage=persistent, or auto and its folder is there."""
    line = examined.once(journald).get("Storage")
    storage = line.value.lower() if line else "auto"
    return storage == "persistent" or (storage == "auto" and examined.files.is_dir("/var/log/journal"))
