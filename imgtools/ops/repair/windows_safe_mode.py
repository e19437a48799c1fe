"""Start Windows in safe mode, until it is taken back (windows-safe-mode-off).

The mode is ``minimal``, ``network`` (with networking), ``command-prompt`` (minimal, without the desktop) or
``dsrepair`` (Directory Services Restore Mode, of a domain controller). It is that of the entry that starts by default.
Source: BcdOSLoaderElementTypes and BcdLibrary_SafeBoot (learn.microsoft.com).
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

MODES = {"minimal": 0, "network": 1, "dsrepair": 2, "command-prompt": 0}


@dataclass(frozen=True, slots=True)
class Params:
    """``mode`` is one of minimal, network, command-prompt, dsrepair."""

    mode: str = "minimal"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"no such mode: {self.mode!r}; one of {', '.join(MODES)}")


def _safely(store: BootStore, loader: BootObject, params: Params) -> Iterator[Change]:
    from imgtools.guest.windows.bcd import SAFE_BOOT, SAFE_BOOT_SHELL, drop_element, set_flag, set_number

    yield from set_number(store, loader, SAFE_BOOT, MODES[params.mode])
    if params.mode == "command-prompt":
        yield from set_flag(store, loader, SAFE_BOOT_SHELL, True)
    else:
        yield from drop_element(store, loader, SAFE_BOOT_SHELL)


OPERATION = Operation(
    summary="Start Windows in safe mode",
    families=WINDOWS,
    plan=of_default_loader(_safely),
    params=Params,
    default=False,
    lacking=no_boot_configuration,
)
