"""Put back the boot code of a disk's first sector, or mark the partition that it starts, where that is certain.

The code is certain where GRUB's second part lies whole behind the first sector, or in its partition, and the guest has
the first part (``boot.img``) among its files: it is put there as grub-install does. The mark ("active") is certain
where the code is one that looks for it, no partition has it and only one can start; ``active`` names another. A missing
signature (55 AA at the end of the sector) is written where boot code and a table that fits the disk are before it.
Everything else is for `grub-install`. Sources: grub-core/boot/i386/pc/boot.S, util/setup.c of GRUB 2.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.first_sector import mend_first_sectors
from imgtools.guest.guest import Guest
from imgtools.ops.operation import ANY, Operation


@dataclass(frozen=True, slots=True)
class Params:
    """``active``: the partition that is to have the mark, such as /dev/sda1; "": the only one that can."""

    active: str = ""


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the first sectors that are to be written.

    :raises UnsupportedGuest: there is no such primary partition.
    """
    yield from mend_first_sectors(guest, params.active)


OPERATION = Operation(
    summary="Put back boot code and the mark of the active partition",
    families=ANY,
    plan=plan,
    params=Params,
    order=400,
)
