"""What a recogniser of operating systems gives back: the seam between ``guest.py`` and linux, windows ...

A recogniser looks at one volume and says which operating system has its root there, or None. It is given the
files of that volume alone (mounted at ``/``), the volume, and the layout of all disks.
"""

from __future__ import annotations

from typing import NamedTuple

from imgtools.records.disks import Mount
from imgtools.records.system import OsInfo, Warned


class Recognised(NamedTuple):
    """One operating system whose root is the volume that was looked at.

    ``mounts`` has the root itself at ``/`` first. Windows: the other drives are mounted at ``/D:``, ``/E:`` ...
    ``unresolved`` are names of devices that the guest mounts and that are not in the layout; if the layout was
    not complete, the search is done again with a complete one.
    """

    os: OsInfo
    mounts: tuple[Mount, ...]
    drives: tuple[tuple[str, str], ...] = ()  # ("C", "/dev/sda2")
    warnings: tuple[Warned, ...] = ()
    unresolved: tuple[str, ...] = ()
    unmounted: tuple[str, ...] = ()  # mount points of what is not there, or cannot be opened
    read_only: tuple[str, ...] = ()  # mount points of what the guest itself never writes, and may check
    # Whether the volume itself says that it is the root. A /usr volume can look like one, and says nothing.
    names_itself: bool = True
