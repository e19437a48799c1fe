"""What of a disk nothing in it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.records.disks import Declined


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for besides the disk.

    ``ignore`` and ``zero`` are devices: to be left as they are, and to be emptied whatever they hold. A volume group
    in ``ignore`` is its free extents.
    """

    ignore: Sequence[str] = ()
    zero: Sequence[str] = ()
    swap: bool = True
    encrypted: bool = False  # what is free in opened LUKS volumes may be seen from outside


@dataclass(frozen=True, slots=True)
class Free:
    """What is free in one place; ``ranges`` (start, end) are those of the disk in bytes.

    ``zero`` says that they must read as zeros.
    """

    device: str
    content: str
    size: int
    ranges: tuple[tuple[int, int], ...]
    zero: bool = False

    @property
    def bytes(self) -> int:
        """How much that is."""
        return sum(end - start for start, end in self.ranges)


@dataclass(frozen=True, slots=True)
class FreePlaces:
    """All that is free on a disk, and what is left as it is, with reasons."""

    free: tuple[Free, ...]
    left: tuple[Declined, ...]
