r"""Have Windows check a drive when it boots next, before anything else runs.

``drive`` is its letter; ``bad_sectors=yes`` also reads all of it for bad sectors, which may take hours. As
``chkdsk C: /f`` and ``/r`` do: a line in front of ``autocheck autochk *`` in ``Session Manager\BootExecute``, which
Windows takes away when the check is done. Source: "autochk" and "chkntfs" (learn.microsoft.com).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.change.change import Change, RegistrySet
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_repairs import with_registry

if TYPE_CHECKING:
    from imgtools.guest.windows.registry import Registry

MANAGER = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
ALWAYS = "autocheck autochk *"  # what is there by default: checks what is marked dirty


@dataclass(frozen=True, slots=True)
class Params:
    """``drive`` a letter, ``bad_sectors`` whether every sector is read."""

    drive: str = "C"
    bad_sectors: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z]:?", self.drive):
            raise ValueError(f"not the letter of a drive: {self.drive!r}")


def _checked(registry: Registry, params: Params) -> Iterator[Change]:
    place, manager = registry.require(MANAGER)
    value = manager.value("BootExecute")
    lines = value.texts or () if value is not None else ()
    letter = params.drive[0].upper()
    line = rf"autocheck autochk {'/r' if params.bad_sectors else '/p'} \??\{letter}:"
    of_drive = re.compile(rf"autocheck\s+autochk\s.*\\\?\?\\{letter}:", re.IGNORECASE)
    others = [one for one in lines if not of_drive.fullmatch(one.strip())]
    wanted = (line, *(others or [ALWAYS]))
    if lines != wanted:
        yield RegistrySet(place.path, place.key, "BootExecute", "REG_MULTI_SZ", texts=wanted)


OPERATION = Operation(
    summary="Check a drive at the next boot",
    families=WINDOWS,
    plan=with_registry(_checked),
    params=Params,
    default=False,
)
