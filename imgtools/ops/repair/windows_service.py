r"""Set when a service or driver starts: boot, system, auto, demand or disabled.

Several names are separated by commas. Only drivers can start at boot or system. What starts is the value ``Start`` of
the service's key ("CreateService function", learn.microsoft.com).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import (
    DRIVER_TYPES,
    START_TYPES,
    require_said,
    service,
    set_number,
    with_registry,
)

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry


@dataclass(frozen=True, slots=True)
class Params:
    """``name`` of the services, ``start`` one of boot, system, auto, demand, disabled."""

    name: tuple[str, ...] = ()
    start: str = ""

    def __post_init__(self) -> None:
        require_said(self.name, "name")
        require_said(self.start, "start")
        if self.start not in START_TYPES:
            raise ValueError(f"no such start type: {self.start!r}; one of {', '.join(START_TYPES)}")


def _started(registry: Registry, params: Params) -> Iterator[Change]:
    for name in params.name:
        place, found = service(registry, name)
        if params.start in ("boot", "system") and not (found.number("Type") or 0) & DRIVER_TYPES:
            raise UsageError(f"{found.name} is no driver: it cannot start at {params.start}")
        yield from set_number(place, found, "Start", START_TYPES[params.start])


OPERATION = Operation(
    summary="Set when a service or driver starts",
    families=WINDOWS,
    plan=with_registry(_started),
    params=Params,
    default=False,
)
