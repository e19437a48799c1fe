"""What the boot manager of a Windows guest can start, and which partitions of the image that means."""

from __future__ import annotations

from imgtools.guest.windows.bcd import BootEntry, boot_store, entries_of
from imgtools.guest.windows.boot_device import BootDevice, find_partition
from imgtools.guest.windows.facts import RegistryFacts
from imgtools.records.disks import Layout
from imgtools.records.windows import WindowsBootEntry

# The flags of an entry that are worth a word, and that word.
FLAGS = (("boot_log", "boot-log"), ("ems", "ems"))


def read_boot(facts: RegistryFacts, layout: Layout) -> tuple[WindowsBootEntry, ...] | None:
    """Return the entries in the order of the menu, then those that are not in it; None without a configuration.

    The guest has to be one of :func:`imgtools.guest.windows.boot_volume.with_boot_volume`.
    """
    store = facts.attempt(lambda: boot_store(facts.registry), None)
    return tuple(_entry(one, layout) for one in entries_of(store)) if store is not None else None


def _entry(entry: BootEntry, layout: Layout) -> WindowsBootEntry:
    where = entry.os_device or entry.device
    device = _device(where, layout)
    return WindowsBootEntry(
        entry.id,
        entry.kind,
        entry.description,
        device,
        "" if device or where is None else describe(where),
        entry.path,
        entry.system_root,
        entry.is_default,
        entry.in_menu,
        _options(entry),
    )


def _device(where: BootDevice | None, layout: Layout) -> str:
    found = find_partition(where, layout) if where is not None and where.names_partition else None
    return found.device if found is not None else ""


def describe(device: BootDevice) -> str:
    """Say what a device names that is not in the image, or is no partition."""
    if device.table == "gpt":
        return f"partition {device.partition_id} of disk {device.disk_id}"
    if device.table == "dos":
        return f"partition at byte {device.start} of disk {device.disk_id}"
    return device.kind


def _options(entry: BootEntry) -> tuple[str, ...]:
    found = [f"safe-mode-{entry.safe_boot}"] if entry.safe_boot else []
    found += [word for name, word in FLAGS if getattr(entry, name)]
    if entry.recovery_enabled is False:
        found.append("no-recovery")
    if entry.boot_status_policy == 1:  # BcdOSLoader_BootStatusPolicy: IgnoreAllFailures
        found.append("ignore-failures")
    return tuple(found)
