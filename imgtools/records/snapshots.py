"""Internal snapshots of disk images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An internal snapshot of a disk image."""

    id: str
    name: str
    time: int
    vm_state_size: int
    virtual_size: int | None = None
