"""Keep the audit daemon from halting the machine when its disk is full.

``halt`` and ``single`` as disk_full_action, disk_error_action, admin_space_left_action and space_left_action become
``action``: suspend (it writes no records any more) or syslog. Rules of security that want a machine to halt are broken
by that, so it is done when it is named
only. Room is made by `make-room`.

Source: auditd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.guest.guest import Guest
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation

CONFIG = "/etc/audit/auditd.conf"
ACTIONS = "disk_full_action|disk_error_action|admin_space_left_action|space_left_action"
STOPS = re.compile(rf"^\s*({ACTIONS})\s*=\s*(halt|single)\s*$")


@dataclass(frozen=True, slots=True)
class Params:
    """``action``: suspend or syslog."""

    action: str = "suspend"

    def __post_init__(self) -> None:
        one_of(self.action, "action", ("suspend", "syslog"))


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the edit of the daemon's configuration."""
    edit = LineEdit(rf"(?i){STOPS.pattern}", rf"\1 = {params.action.upper()}")
    yield EditLines(guest.files.resolve(CONFIG), (edit,))


def lacking(guest: Guest) -> str:
    """Say that there is no audit daemon."""
    return "" if guest.files.is_file(CONFIG) else "no audit daemon (auditd)"


OPERATION = Operation(
    summary="Keep auditd from halting the machine when its disk is full",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    lacking=lacking,
)
