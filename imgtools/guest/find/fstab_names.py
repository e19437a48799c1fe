"""What a guest's fstab names beside the volumes that are mounted: its swap, and what is not in the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imgtools.files.tree import GuestReader
from imgtools.guest.find.devices import Devices, is_passing, read_names
from imgtools.guest.find.fstab import FSTAB, FstabEntry, read_fstab
from imgtools.records.disks import Layout, Volume
from imgtools.records.system import Warned


class FstabNames(NamedTuple):
    """``swap``: devices of the image that the guest swaps to; ``missing``: lines whose device is not in the image."""

    swap: frozenset[str] = frozenset()
    missing: tuple[FstabEntry, ...] = ()


def fstab_names(files: GuestReader, root: Volume, layout: Layout) -> FstabNames:
    """Look up every line of the guest's fstab that is about a device."""
    entries = read_fstab(files).entries
    devices = Devices(layout, root, read_names(files))
    for entry in entries:
        if entry.path == "/":
            devices.learn(entry.spec)
    swap: set[str] = set()
    missing: list[FstabEntry] = []
    for entry in entries:
        is_swap = entry.type == "swap"
        if is_passing(entry.spec) or not (is_swap or entry.on_a_device):
            continue
        found = devices.find(entry.spec)
        if found is None and (not is_swap or entry.spec.startswith("/dev/") or "=" in entry.spec):
            missing.append(entry)
        elif found is not None and is_swap:
            swap.add(found.device)
    return FstabNames(frozenset(swap), tuple(missing))


def lost_swap(names: FstabNames) -> Iterator[Warned]:
    """Warn of swap that is not in the image: the guest waits for it. Lines of filesystems are warned of elsewhere."""
    for entry in names.missing:
        if entry.type == "swap" and not entry.may_be_missing:
            yield Warned(f"line {entry.line}: {entry.spec} for swap is not in this image", FSTAB)
