"""Mask, unmask, enable or disable units and services, by the guest's own init, or set what systemd boots into.

``names`` are separated by commas, ``action`` is one of mask, unmask, enable, disable, default. A unit that keeps the
boot waiting is masked; one that is needed and was masked is unmasked, and then enabled. ``default`` has systemd boot
into the one target that is named. Else as ``imgtools customize --service``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, MakeLink
from imgtools.change.sequence import ChangeSequence
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import ADMIN_UNITS, Init, find_init, unit_path
from imgtools.guest.services.switch import UNIT, switch_service
from imgtools.ops.linux_repairs import one_of, require_said
from imgtools.ops.operation import LINUX, Operation
from imgtools.records.files import FileKind

STATES = {"mask": "mask", "unmask": "unmask", "enable": "on", "disable": "off"}
DEFAULT = f"{ADMIN_UNITS}/default.target"


@dataclass(frozen=True, slots=True)
class Params:
    """``names`` of units, ``action`` one of mask, unmask, enable, disable, default."""

    names: tuple[str, ...] = ()
    action: str = ""

    def __post_init__(self) -> None:
        require_said(self.names, "names")
        require_said(self.action, "action")
        one_of(self.action, "action", (*STATES, "default"))
        if self.action == "default" and len(self.names) != 1:
            raise ValueError("one target alone can be the default")


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the links.

    :raises UsageError: it is no name of a unit.
    :raises NotInGuest: a masked unit is to be enabled.
    :raises UnsupportedGuest: the guest has no such unit, or it cannot be enabled or masked.
    """
    if params.action == "default":
        yield from _boots_into(guest.files, params.names[0])
        return
    sequence = ChangeSequence(guest.files)
    for name in params.names:
        sequence.add(switch_service(sequence.files, name, STATES[params.action]))
    yield from sequence.changes


def _boots_into(files: GuestReader, name: str) -> Iterator[Change]:
    unit = name if name.endswith(".target") else f"{name}.target"
    path = unit_path(files, unit) if re.fullmatch(UNIT, unit) and find_init(files) is Init.SYSTEMD else ""
    if not path:
        raise UnsupportedGuest(f"the guest has no target {name} that it could boot into")
    found = files.lstat(DEFAULT)
    is_link = found is not None and found.kind is FileKind.LINK and files.exists(DEFAULT)
    if not is_link or files.resolve(DEFAULT) != files.resolve(path):
        yield MakeLink(DEFAULT, path)


OPERATION = Operation(
    summary="Mask, unmask, enable or disable units, or set the default target",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
)
