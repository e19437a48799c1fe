"""End the loop of automatic repair: let Windows start, and fail with what it has to say.

After two boots that failed, Windows starts its recovery environment instead, which reports to nobody's serial console.
The entry that starts by default no longer does so (``recoveryenabled``), and forgets failures
(``bootstatuspolicy ignoreallfailures``). Source: BcdLibraryBoolean_AutoRecoveryEnabled and
BcdOSLoader_BootStatusPolicy (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, NoParams, Operation
from imgtools.ops.windows_repairs import no_boot_configuration, of_default_loader

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootObject, BootStore


def _let_fail(store: BootStore, loader: BootObject, params: NoParams) -> Iterator[Change]:
    from imgtools.guest.windows.bcd import (
        BOOT_STATUS_POLICY,
        IGNORE_ALL_FAILURES,
        RECOVERY_ENABLED,
        set_flag,
        set_number,
    )

    yield from set_flag(store, loader, RECOVERY_ENABLED, False)
    yield from set_number(store, loader, BOOT_STATUS_POLICY, IGNORE_ALL_FAILURES)


OPERATION = Operation(
    summary="End the loop of automatic repair",
    families=WINDOWS,
    plan=of_default_loader(_let_fail),
    default=False,
    lacking=no_boot_configuration,
    notes="The counts of failed boots in bootstat.dat are left as they are: Windows does not look at them any more.",
)
