"""Open the Emergency Management Services on a serial port: boot menu, kernel and the console SAC talk there.

``port`` is the number of the COM port, ``baud`` its speed. As ``bcdedit /bootems``, ``/ems`` and ``/emssettings`` do.
Source: "Boot parameters to enable EMS redirection" and BcdLibraryElementTypes (learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import no_boot_configuration, of_default_loader

if TYPE_CHECKING:
    from imgtools.guest.windows.bcd import BootObject, BootStore

BAUDS = (9600, 19200, 57600, 115200)  # bcdedit /emssettings takes no others


@dataclass(frozen=True, slots=True)
class Params:
    """``port`` from 1 to 4, ``baud`` one of 9600, 19200, 57600, 115200."""

    port: int = 1
    baud: int = 115200

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 4:
            raise ValueError(f"no such port: {self.port}; from 1 to 4")
        if self.baud not in BAUDS:
            raise ValueError(f"no such speed: {self.baud}; one of {', '.join(map(str, BAUDS))}")


def _on_port(store: BootStore, loader: BootObject, params: Params) -> Iterator[Change]:
    from imgtools.guest.windows.bcd import (
        BOOT_EMS,
        EMS,
        EMS_BAUD,
        EMS_PORT,
        EMS_SETTINGS,
        INHERITS,
        SETTINGS_TYPE,
        make_object,
        set_flag,
        set_ids,
        set_number,
    )

    settings, made = make_object(store, EMS_SETTINGS, SETTINGS_TYPE)
    yield from made
    yield from set_number(store, settings, EMS_PORT, params.port)
    yield from set_number(store, settings, EMS_BAUD, params.baud)
    for one in (store.manager, loader):
        if one is None:
            continue
        yield from set_flag(store, one, BOOT_EMS, True)
        if EMS_SETTINGS not in {above.id for above in store.inherited(one)}:
            yield from set_ids(store, one, INHERITS, (*one.ids(INHERITS), EMS_SETTINGS))
    yield from set_flag(store, loader, EMS, True)


OPERATION = Operation(
    summary="Open the emergency console on a serial port",
    families=WINDOWS,
    plan=of_default_loader(_on_port),
    params=Params,
    default=False,
    lacking=no_boot_configuration,
    notes="Windows Server has the console SAC; Windows 10 and 11 only with the feature Windows.Desktop.EMS-SAC.Tools.",
)
