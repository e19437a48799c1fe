r"""Let Windows write down which drivers it loads: ``\Windows\ntbtlog.txt``, from the next boot on.

Source: BcdOSLoaderBoolean_BootLogInitialization (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import no_boot_configuration, of_default_loader

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootObject, BootStore


def _logged(store: BootStore, loader: BootObject, params: NoParams) -> Iterator[Change]:
    from imgtools.guest.windows.bcd import BOOT_LOG, set_flag

    if not store.flag(loader, BOOT_LOG):
        yield from set_flag(store, loader, BOOT_LOG, True)


OPERATION = Operation(
    summary="Log which drivers are loaded at boot",
    families=WINDOWS,
    plan=of_default_loader(_logged),
    default=False,
    lacking=no_boot_configuration,
)
