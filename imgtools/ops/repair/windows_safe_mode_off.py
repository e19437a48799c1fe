"""Start Windows in the ordinary way again, where it always starts in safe mode.

Also a domain controller that starts in Directory Services Restore Mode each time, as after a restore. What the entry
inherits from other settings is taken away there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import no_boot_configuration, of_default_loader

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootObject, BootStore


def _ordinarily(store: BootStore, loader: BootObject, params: NoParams) -> Iterator[Change]:
    from imgtools.guest.windows.bcd import SAFE_BOOT, SAFE_BOOT_SHELL, drop_element

    for one in store.inherited(loader):
        yield from drop_element(store, one, SAFE_BOOT)
        yield from drop_element(store, one, SAFE_BOOT_SHELL)


OPERATION = Operation(
    summary="Start Windows without safe mode",
    families=WINDOWS,
    plan=of_default_loader(_ordinarily),
    default=False,
    lacking=no_boot_configuration,
)
