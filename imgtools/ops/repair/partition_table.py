"""Make a GUID partition table whole: the damaged copy from the other, the second one at the end of the disk.

Linux reads the second copy only if it is told to (``gpt`` on its command line), so a damaged first one is a disk
without partitions. After a disk has grown, its second copy is somewhere in the middle, where nobody looks. What the
intact copy says counts; of two that differ, the first, which the machine uses. ``disk`` names one disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.disk_state import mend_tables
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``disk``: such as /dev/sda; "": all disks."""

    disk: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield what is to be written, copy by copy.

    :raises UnsupportedGuest: the disk is smaller than its partitions.
    """
    yield from mend_tables(guest, params.disk)


OPERATION = Operation(
    summary="Make a damaged GUID partition table whole",
    families=ANY,
    plan=plan,
    params=Params,
    order=50,
    notes="A table of which both copies are damaged, and an MBR, are for testdisk, which looks for what was there.",
)
