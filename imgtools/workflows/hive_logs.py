"""Transaction logs of registry hives that a plan has to apply before it changes them."""

from __future__ import annotations

from collections.abc import Sequence

from imgtools.change.change import Change, RegistryApplyLog, RegistryChange
from imgtools.guest.guest import Guest


def dirty_hives(guest: Guest, changes: Sequence[Change]) -> set[str]:
    """Return the paths of the hives that these changes edit and that were not closed.

    The guest's next boot would apply their logs over the changes. A hive that is written as a whole is none of them.
    """
    written = {getattr(change, "path", "") for change in changes if not isinstance(change, RegistryChange)}
    hives = {change.path for change in changes if isinstance(change, RegistryChange)} - written
    if not hives:
        return set()
    from imgtools.guest.windows.registry import open_registry

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        return {path for path in hives if registry.hive(path).state.dirty}


def with_hive_logs(guest: Guest, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return changes with, before them, what applies the logs of the hives that they edit."""
    return (*map(RegistryApplyLog, sorted(dirty_hives(guest, changes))), *changes)
