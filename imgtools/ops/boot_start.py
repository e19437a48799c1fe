"""What the guest's boot loader starts, read once for all the stations that look at it."""

from __future__ import annotations

from imgtools.guest.boot.start import Start, read_start
from imgtools.ops.station import Examined


def boot_start(examined: Examined) -> Start:
    """Return the boot menu; to be asked with :meth:`Examined.once`."""
    return read_start(examined.files)
